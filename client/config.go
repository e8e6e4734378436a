package client

import (
	"errors"
	"net/netip"
	"path/filepath"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/client/tun"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto/packet"
)

// Config is what a client needs to know. Only Node is required.
type Config struct {
	// Node is who this device is: it enrols, names the edges and keeps its certificate valid.
	Node *node.Node

	// Host is the machine that is served; nil = this one.
	Host Host
	// TUN is the name of the TUN device; "" = DefaultTUN.
	TUN string
	// MTU of the device in bytes; 0 = DefaultMTU.
	MTU int
	// Mark is the firewall mark of the link's sockets; 0 = DefaultMark.
	Mark uint32
	// LAN says what of the networks to which the host is attached stays outside of a capture; "" =
	// LANAllow.
	LAN string

	// Names is what Node dials with, too; nil = names of its own.
	Names *path.Names
	// Underlay is the network below the link; nil = this host's, past the TUN device.
	Underlay path.Underlay
	// KeepAlive of the link; 0 = 1 s.
	KeepAlive time.Duration

	// StateDir holds the last configuration, so that captured traffic stays captured from the
	// start, and the local socket; "" = neither.
	StateDir string
	Version  string
	// Memory is how many bytes this process may hold, 0 = unknown: what TCP flows may hold
	// follows from it.
	Memory uint64
	Log    *zap.Logger
}

// Defaults of Config.
const (
	DefaultTUN  = tun.DefaultName
	DefaultMTU  = tun.DefaultMTU
	DefaultMark = osroute.DefaultMark
)

// Values of Config.LAN. The host's own gateway stays in both.
const (
	LANAllow = "allow" // networks that are more specific than the captures around them stay with the host
	LANDeny  = "deny"  // none does
)

const cacheName = "config.json"

// withDefaults checks cfg and fills in what is left out.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Node == nil {
		return cfg, errors.New("configure client: no node")
	}
	if cfg.Mark == 0 {
		cfg.Mark = DefaultMark
	}
	if cfg.MTU == 0 {
		cfg.MTU = DefaultMTU
	}
	if cfg.TUN == "" {
		cfg.TUN = DefaultTUN
	}
	if cfg.LAN == "" {
		cfg.LAN = LANAllow
	}
	if cfg.Names == nil {
		cfg.Names = new(path.Names)
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	if cfg.Host == nil {
		cfg.Host = machine{cfg.Log}
	}
	return cfg, nil
}

func (cfg *Config) cachePath() string { return filepath.Join(cfg.StateDir, cacheName) }

// journalPath returns "" without a state directory: then no journal is kept.
func (cfg *Config) journalPath() string {
	if cfg.StateDir == "" {
		return ""
	}
	return filepath.Join(cfg.StateDir, journalName)
}

// LinkConfig returns how connections to the edge are dialled, enrolment included: past the TUN
// device. mark 0 is DefaultMark.
func LinkConfig(mark uint32, log *zap.Logger) path.Config {
	if mark == 0 {
		mark = DefaultMark
	}
	return path.Config{Underlay: path.Kernel{Control: osroute.LinkControl(mark)}, Log: log}
}

// linkConfig returns how links are dialled; what ends in them is counted in tally.
func (cfg *Config) linkConfig(tally *packet.Counters) path.Config {
	c := LinkConfig(cfg.Mark, cfg.Log)
	c.KeepAlive, c.Names, c.Tally = cfg.KeepAlive, cfg.Names, tally
	if cfg.Underlay != nil {
		c.Underlay = cfg.Underlay
	}
	return c
}

// network is what the edge has told this device about itself, and where the edge was: kept over
// restarts.
type network struct {
	Hops    []netip.Addr   `json:"hops,omitempty"`
	Addrs   []netip.Addr   `json:"addrs,omitempty"`
	Capture []netip.Prefix `json:"capture,omitempty"`
	User    string         `json:"user,omitempty"`
	Device  string         `json:"device,omitempty"`
	Edge    string         `json:"edge,omitempty"`
	Idle    uint16         `json:"idle_seconds,omitempty"`
	// EdgesAt is where edges were that have names; see path.Names.
	EdgesAt map[string]netip.AddrPort `json:"edges_at,omitempty"`
}
