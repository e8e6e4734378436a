package connector

import (
	"errors"
	"net/netip"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/conf"
)

// File is a connector's configuration file, /etc/oneping/connector.yaml. Keys
// that are left out keep their defaults; flags win over the file.
type File struct {
	StateDir  string        `yaml:"state_dir"`
	TokenFile string        `yaml:"token_file"`
	Allow     []conf.Prefix `yaml:"allow"`
	Deny      []conf.Prefix `yaml:"deny"`
	ICMP      string        `yaml:"icmp"`    // auto, ping, raw
	Hops      string        `yaml:"hops"`    // true, single
	Metrics   string        `yaml:"metrics"` // HOST:PORT
	LogLevel  string        `yaml:"log_level"`
}

// LoadFile reads the file path strictly: unknown keys are errors with their lines.
func LoadFile(path string) (File, error) {
	var f File
	return f, conf.Load(path, &f)
}

// Config returns what f configures, without the node: edges, TLS and log level are the caller's.
func (f *File) Config() (Config, error) {
	c := Config{StateDir: f.StateDir, Metrics: f.Metrics, Allow: prefixes(f.Allow), Deny: prefixes(f.Deny), ICMP: icmp.Auto, Hops: HopsTrue}
	var err error
	if err = errors.Join(conf.CheckPath("connector", "state_dir", f.StateDir), conf.CheckPath("connector", "token_file", f.TokenFile)); err != nil {
		return c, err
	}
	if f.Metrics != "" {
		if err = conf.CheckListen(f.Metrics); err != nil {
			return c, conf.BadField("connector", "metrics", err.Error(), "name a free HOST:PORT of this host, such as 127.0.0.1:9174")
		}
	}
	if f.ICMP != "" {
		if c.ICMP, err = icmp.ParseMode(f.ICMP); err != nil {
			return c, conf.BadField("connector", "icmp", err.Error(), "leave it out for auto, which takes ping, then raw")
		}
	}
	if f.Hops != "" {
		if c.Hops, err = ParseHops(f.Hops); err != nil {
			return c, conf.BadField("connector", "hops", err.Error(), "leave it out to show each router behind the connector")
		}
	}
	return c, nil
}

func prefixes(in []conf.Prefix) []netip.Prefix {
	out := make([]netip.Prefix, len(in))
	for i, p := range in {
		out[i] = p.Prefix
	}
	return out
}
