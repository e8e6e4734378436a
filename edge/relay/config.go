package relay

import (
	"context"
	"net/netip"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Bounds. Each is a reason when it is reached: packet.TableFull.
const (
	maxSessions       = 1 << 18
	maxClientSessions = 1 << 14
	maxFlows          = 1 << 16
	maxClientFlows    = 1 << 12
)

const (
	// errorsPerSecond and errorBurst limit the ICMP errors made for one device
	// (RFC 1812 §4.3.2.8): enough for traceroute with 16 probes in flight on each of several hosts
	// and for mtr -i 0.1.
	errorsPerSecond = 200
	errorBurst      = 100
	// defaultMTU is the MTU of the devices' TUN where Config states none.
	defaultMTU = 1500
	// sweepEvery is how often idle sessions are looked for, and the length of an epoch of asked.
	sweepEvery = 10 * time.Second
)

// Link is what the relay needs of a link: the edge has one over a *link.Link, and tests have
// another one without a network.
type Link interface {
	Send(c link.Class, d []byte) packet.Reason
	SendFor(o link.Owner, c link.Class, d []byte) packet.Reason
	SendControl(m *proto.Control) error
	MaxDatagram() (n int, settled bool)
	OpenFlow(ctx context.Context, h *proto.FlowHeader) (Stream, error)
	Close(code proto.Code, text string) error
}

// Stream is what the relay needs of the stream of a flow: a *link.Stream.
type Stream interface {
	flow.Stream
	// Context ends when this side's half is closed or reset by either side.
	Context() context.Context
}

// Config is what a Relay is made with.
type Config struct {
	Hops   []netip.Addr // the edge's addresses as a router, at most one per family
	Silent bool         // `unreachable: silent`: denied, no route and no connector are not answered
	// MTU is the size of the largest packet that enters a device's TUN in one piece, 0 = 1500:
	// what is larger was reassembled and is never answered with "packet too big".
	MTU int
	// FlowMemory bounds what TCP flows hold here in bytes; 0 = flow.DefaultBudget.
	FlowMemory int64
	// Idle is the most seconds for which a UDP session without packets is kept, 0 = 300: see hop.SessionIdle.
	Idle    uint16
	Denials *policy.Log // nil = a new one
}

// settings is what a Config says, in the form that the packet path reads. Never changed after New.
type settings struct {
	hop4, hop6 netip.Addr
	silent     bool
	mtu        int
	idle       uint16 // seconds
}

func (cfg *Config) settings() settings {
	s := settings{silent: cfg.Silent, mtu: cfg.MTU, idle: cfg.Idle}
	if s.mtu == 0 {
		s.mtu = defaultMTU
	}
	for _, a := range cfg.Hops {
		if a.Is4() {
			s.hop4 = a
		} else {
			s.hop6 = a
		}
	}
	return s
}

// isHop says whether a is one of the edge's own addresses.
func (s *settings) isHop(a netip.Addr) bool { return a == s.hop4 || a == s.hop6 }

// hop returns the address from which the edge answers in one family; invalid where it has none.
func (s *settings) hop(v6 bool) netip.Addr {
	if v6 {
		return s.hop6
	}
	return s.hop4
}
