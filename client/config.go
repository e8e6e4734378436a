package client

import (
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"path/filepath"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/client/tun"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// Device is where the host's packets come from and go to: a TUN device
// (client/tun), or one in memory for simulations. The contract is that of
// *tun.Device: Read is for one goroutine, WriteOne and Write for any number, Close frees Read.
type Device interface {
	Read(bufs [][]byte, sizes []int) (int, error)
	Write(pkts [][]byte) error
	WriteOne(pkt []byte) error
	BatchSize() int
	Close() error
}

// Config is what a client needs to know. Only Edges and TLS are required.
type Config struct {
	// Edges are host:port of edges, tried in turn.
	Edges []string
	// TLS returns the configuration of one dial attempt: certificate and verification.
	TLS func() (*tls.Config, error)
	// Renew keeps the certificate of this node valid while a link is up; nil = it is never renewed.
	Renew Renewer

	// Device is used instead of a TUN device; then nothing of the host is changed.
	Device Device
	// TUN is the name of the TUN device; "" = tun.DefaultName.
	TUN string
	// MTU of the device in bytes; 0 = tun.DefaultMTU.
	MTU int
	// Mark is the firewall mark of the link's sockets; 0 = osroute.DefaultMark.
	Mark uint32

	// Socket is used for the link instead of a kernel UDP socket: simulation.
	Socket net.PacketConn
	// NoTCP leaves TCP out: gVisor does not run in a synctest bubble.
	NoTCP bool
	// KeepAlive of the link; 0 = 1 s.
	KeepAlive time.Duration

	// StateDir holds the last configuration, so that captured traffic stays captured from the start, and the local
	// socket; "" = neither.
	StateDir string
	Version  string
	// Ready is called once, after the first answer of the edge has been applied; may be nil.
	Ready func()
	Log   *zap.Logger
}

// Renewer keeps a certificate valid; *node.Node is one.
type Renewer interface {
	// Request returns the message that asks for a new certificate when one is due, else nil.
	Request(now time.Time) (*proto.Renew, error)
	// Renewed takes the answer.
	Renewed(r proto.Renewed) error
}

// SocketName is the name of the local socket in the state directory.
const SocketName = "oneping.sock"

const cacheName = "config.json"

// withDefaults checks cfg and fills in what is left out.
func (cfg Config) withDefaults() (Config, error) {
	switch {
	case len(cfg.Edges) == 0:
		return cfg, errors.New("configure client: no edge address")
	case cfg.TLS == nil:
		return cfg, errors.New("configure client: no TLS configuration")
	}
	if cfg.MTU == 0 {
		cfg.MTU = tun.DefaultMTU
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	return cfg, nil
}

func (cfg *Config) socketPath() string { return filepath.Join(cfg.StateDir, SocketName) }
func (cfg *Config) cachePath() string  { return filepath.Join(cfg.StateDir, cacheName) }

// linkConfig returns how links are dialled.
func (cfg *Config) linkConfig(control func(network, address string, c syscall.RawConn) error) link.Config {
	return link.Config{KeepAlive: cfg.KeepAlive, Socket: cfg.Socket, Control: control, Log: cfg.Log}
}

// network is what the edge has told this device about itself: kept over restarts.
type network struct {
	Hops    []netip.Addr   `json:"hops,omitempty"`
	Addrs   []netip.Addr   `json:"addrs,omitempty"`
	Capture []netip.Prefix `json:"capture,omitempty"`
	User    string         `json:"user,omitempty"`
	Device  string         `json:"device,omitempty"`
	Edge    string         `json:"edge,omitempty"`
	Idle    uint16         `json:"idle_seconds,omitempty"`
}
