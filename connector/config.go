package connector

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// Config is what a connector needs to know. Only Edges and TLS are required.
type Config struct {
	// Edges are host:port of edges, tried in turn.
	Edges []string
	// TLS returns the configuration of one dial attempt: certificate and verification.
	TLS func(context.Context) (*tls.Config, error)
	// Node keeps the certificate of this node valid while a link is up; nil = it is never renewed.
	Node *node.Node

	// ICMP chooses how ICMP is sent; icmp.Auto when empty.
	ICMP icmp.Mode
	// Hops chooses how the way behind this connector is shown; HopsTrue when empty.
	Hops Hops
	// Allow opens prefixes that are refused by default: loopback, link-local, 169.254.169.254 and
	// the edges.
	Allow []netip.Prefix
	// Deny refuses prefixes; it wins over Allow.
	Deny []netip.Prefix

	// Socket is used for the link instead of a kernel UDP socket: simulation.
	Socket net.PacketConn
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
	// Ready is called once, when the first link has been welcomed; may be nil.
	Ready func()
	Log   *zap.Logger
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
	switch {
	case len(cfg.Edges) == 0:
		return cfg, errors.New("configure connector: no edge address")
	case cfg.TLS == nil:
		return cfg, errors.New("configure connector: no TLS configuration")
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

func (cfg *Config) socketPath() string { return process.Socket(proto.RoleConnector, cfg.StateDir) }

func (cfg *Config) linkConfig() link.Config {
	return link.Config{KeepAlive: cfg.KeepAlive, Socket: cfg.Socket, Names: new(link.Names), Log: cfg.Log}
}
