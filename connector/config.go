package connector

import (
	"errors"
	"fmt"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto/packet"
)

// Config is what a connector needs to know. Only Node is required.
type Config struct {
	// Node is who this connector is: it enrols, names the edges and keeps its certificate valid.
	Node *node.Node

	// ICMP chooses how ICMP is sent; icmp.Auto when empty.
	ICMP icmp.Mode
	// Hops chooses how the way behind this connector is shown; HopsTrue when empty.
	Hops Hops
	// Allow opens prefixes that are refused by default: loopback, link-local, metadata services, and
	// the edges.
	Allow []netip.Prefix
	// Deny refuses prefixes; it wins over Allow.
	Deny []netip.Prefix

	// Underlay is the network below the link; nil = this host's.
	Underlay path.Underlay
	// System is what packets go out to; this machine when nil.
	System System
	// KeepAlive of the link; 0 = 1 s.
	KeepAlive time.Duration

	// Metrics is the TCP HOST:PORT at which Prometheus is answered; "" = none.
	Metrics string
	// StateDir holds the local socket; "" = none.
	StateDir string
	Version  string
	// Memory is how many bytes this process may hold, 0 = unknown: what TCP flows may hold follows
	// from it.
	Memory uint64
	Log    *zap.Logger
}

// Hops is how clients see the way from the connector to an origin.
type Hops string

// The values of `--hops`. In both what has expired on arrival is answered by the connector, and
// what comes back keeps its own TTL and sender.
const (
	// HopsTrue lets each router behind the connector answer in its turn: a packet goes on with the
	// TTL that it has left.
	HopsTrue Hops = "true"
	// HopsSingle makes that way one hop: a packet goes on with an ordinary TTL.
	HopsSingle Hops = "single"
)

// ParseHops reads the value of `--hops`.
func ParseHops(s string) (Hops, error) {
	switch h := Hops(s); h {
	case HopsTrue, HopsSingle:
		return h, nil
	}
	return "", fmt.Errorf("hops %q is none of true, single", s)
}

// withDefaults checks cfg and fills in what is left out.
func (cfg Config) withDefaults() (Config, error) {
	if cfg.Node == nil {
		return cfg, errors.New("configure connector: no node")
	}
	if cfg.System == nil {
		cfg.System = kernel{}
	}
	if cfg.Hops == "" {
		cfg.Hops = HopsTrue
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	return cfg, nil
}

// linkConfig returns how links are dialled; what ends in them is counted in tally.
func (cfg *Config) linkConfig(tally *packet.Counters) path.Config {
	return path.Config{KeepAlive: cfg.KeepAlive, Underlay: cfg.Underlay, Names: new(path.Names), Tally: tally, Log: cfg.Log}
}
