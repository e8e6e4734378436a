package edge

import (
	"fmt"
	"net/netip"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/conf"
)

// File is an edge's configuration file, /etc/oneping/edge.yaml. Keys that are
// left out keep their defaults; flags win over the file.
type File struct {
	StateDir    string         `yaml:"state_dir"`
	Listen      string         `yaml:"listen"`
	Advertise   []string       `yaml:"advertise"`
	Hops        []netip.Addr   `yaml:"hops"`
	Capture     []netip.Prefix `yaml:"capture"`
	Unreachable string         `yaml:"unreachable"` // answer, silent
	MTU         int            `yaml:"mtu"`
	IdleSeconds uint16         `yaml:"idle_seconds"`
	Prefix4     netip.Prefix   `yaml:"prefix4"`
	Prefix6     netip.Prefix   `yaml:"prefix6"`
	Store       StoreFile      `yaml:"store"`
	Metrics     string         `yaml:"metrics"` // HOST:PORT
	LogLevel    string         `yaml:"log_level"`
}

// StoreFile is an external store, and how the edge proves itself there (see state.Remote). Secrets
// stand in files of their own.
type StoreFile struct {
	URL          string `yaml:"url"`           // nats://HOST:PORT, several separated by commas
	Domain       string `yaml:"domain"`        // JetStream domain
	Creds        string `yaml:"creds"`         // file: a user's JWT and seed
	NKey         string `yaml:"nkey"`          // file: a user's seed
	User         string `yaml:"user"`          // name
	PasswordFile string `yaml:"password_file"` // file: that user's password
	CA           string `yaml:"ca"`            // file: authorities of the server's certificate
	Cert         string `yaml:"cert"`          // file: client certificate
	Key          string `yaml:"key"`           // file: its key
}

// LoadFile reads the file path strictly: unknown keys are errors with their lines.
func LoadFile(path string) (File, error) {
	var f File
	if err := conf.Load(path, &f); err != nil {
		return File{}, err
	}
	_, err := f.Config()
	return f, err
}

// Config returns what f configures. It refuses an unknown word; the rest is checked by New.
func (f *File) Config() (Config, error) {
	c := Config{
		StateDir: f.StateDir, Metrics: f.Metrics, Listen: f.Listen, Advertise: f.Advertise, Hops: f.Hops, Capture: f.Capture, MTU: f.MTU,
		Idle: f.IdleSeconds, Store: state.Remote(f.Store), Prefix4: f.Prefix4, Prefix6: f.Prefix6,
	}
	if err := conf.CheckPath("edge", "state_dir", f.StateDir); err != nil {
		return c, err
	}
	switch f.Unreachable {
	case "", "answer":
	case "silent":
		c.Silent = true
	default:
		return c, badField("unreachable", fmt.Sprintf("unknown word %q", f.Unreachable), "write answer or silent")
	}
	return c, nil
}
