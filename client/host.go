package client

import (
	"context"

	"go.uber.org/zap"

	"github.com/oneping/oneping/client/netstack"
	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/client/path"
	"github.com/oneping/oneping/client/tun"
	"github.com/oneping/oneping/internal/flow"
)

// Host is what a client uses of the machine it runs on: the machine itself
// where Config names none, or a simulated one.
type Host interface {
	// Open makes the TUN device of cfg. Before that, the router takes over what
	// a client that was killed has left; where it has begun to, it is there beside
	// an error, too.
	Open(cfg *Config) (Device, Router, error)
	// Reopen makes the device of cfg anew, when it was deleted.
	Reopen(cfg *Config) (Device, error)
	// Stack starts what ends the host's TCP connections. Its packets for the
	// host go to write, in batches, one call at a time.
	Stack(mtu int, write func(pkts [][]byte) error) (Stack, error)
}

// Device is a TUN device. The contract is that of *tun.Device: Read is for one
// goroutine, WriteOne and Write for any number, Close frees Read.
type Device interface {
	path.Device
	// Name is the one under which the system knows the device.
	Name() string
	// MTU is the one that the device was opened with, in bytes.
	MTU() int
	// Close removes the device.
	Close() error
}

// Router is what takes traffic off the host. The contract is that of *osroute.Router.
type Router interface {
	// Apply makes the host's routing what cfg says. One call at a time.
	Apply(ctx context.Context, cfg osroute.Config) error
	// Watch calls changed whenever the host's network has changed, until ctx ends; never nil.
	Watch(ctx context.Context, changed func()) error
	// Undo removes everything that Apply has added. Nothing is applied afterwards.
	Undo() error
	// Inherited says that a client before this one, which was killed, has left rules that
	// capture.
	Inherited() bool
	// Warnings are those of the last Apply.
	Warnings() []osroute.Warning
}

// Stack ends TCP connections. The contract is that of *netstack.Stack.
type Stack interface {
	path.Stack
	// Close resets what is open and returns when nothing is written any more.
	Close()
}

// machine is the Host that the process runs on.
type machine struct{ log *zap.Logger }

// Open implements Host.
func (m machine) Open(cfg *Config) (Device, Router, error) {
	router := osroute.New(m.log)
	if err := router.Adopt(osroute.Config{Device: cfg.TUN}, cfg.journalPath()); err != nil {
		return nil, nil, err
	}
	dev, err := m.Reopen(cfg)
	return dev, router, err
}

// Reopen implements Host.
func (m machine) Reopen(cfg *Config) (Device, error) {
	dev, err := tun.Open(cfg.TUN, cfg.MTU)
	if err != nil {
		return nil, err
	}
	return dev, nil
}

// Stack implements Host.
func (m machine) Stack(mtu int, write func(pkts [][]byte) error) (Stack, error) {
	s, err := netstack.Start(mtu, write)
	if err != nil {
		return nil, err
	}
	return userStack{s}, nil
}

// userStack is gVisor's TCP, whose connections are ends of flows.
type userStack struct{ *netstack.Stack }

// Accept implements path.Stack.
func (s userStack) Accept(ctx context.Context, syn []byte, ttl uint8) (flow.Endpoint, error) {
	c, err := s.Stack.Accept(ctx, syn, ttl)
	if err != nil {
		return nil, err
	}
	return c, nil
}
