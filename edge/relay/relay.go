// Package relay is the edge as a router: it carries packets, UDP sessions and
// TCP flows between the links of devices and those of connectors.
//
// Every packet, session registration and flow from a device passes the same
// rooms in the same order:
//
//	source check → the hop's own address → TTL → policy → route
//
// Each room is a function that returns a verdict: a reason, where the datagram
// goes on, and what goes back to the sender. It sends nothing and counts
// nothing; the two methods named Datagram, and DeviceAttachment.Flow, do. The way back
// (back.go) lets through what a connector may say and nothing else.
//
// What the rooms look at (routes, policy, devices, live links) is read through
// atomic pointers and immutable maps: the packet path takes no lock but the one of the
// session table's shard, and allocates nothing. What was asked is noted in atomics (asked.go).
package relay

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"
	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

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
	// answerRate and answerBurst limit the ICMP errors made for one device
	// (RFC 1812 §4.3.2.8): enough for traceroute with 16 probes in flight on each of several hosts and for mtr -i 0.1.
	answerRate  = 200
	answerBurst = 100
	// defaultMTU is the MTU of the devices' TUN where Config states none.
	defaultMTU = 1500
	// sweepEvery is how often idle sessions are looked for, and the length of an epoch of asked.
	sweepEvery = 10 * time.Second
)

// Link is what the relay needs of a link; *link.Link implements it, and tests
// have another one without a network.
type Link interface {
	Send(c link.Class, d []byte) packet.Reason
	SendFor(o link.Owner, c link.Class, d []byte) packet.Reason
	SendControl(m *proto.Control) error
	MaxDatagram() (n int, settled bool)
	OpenFlow(ctx context.Context, h *proto.FlowHeader) (*link.Stream, error)
	Close(code proto.Code, text string) error
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
	Log     *zap.Logger // nil = none
}

// Relay is the edge's data plane. Safe for concurrent use.
type Relay struct {
	hop4, hop6 netip.Addr
	silent     bool
	mtu        int
	idle       uint16 // seconds
	log        *zap.Logger
	denials    *policy.Log
	counters   packet.Counters
	state      atomic.Pointer[compiled]
	asked      *asked
	sessions   *sessions
	flows      *flows
	budget     *flow.Budget // of the flows' memory
	scratch    sync.Pool    // of *scratch

	mu         sync.Mutex // guards what follows; never held on the packet path
	devices    map[string]*device
	numbered   link.Owner // the last device that was numbered
	connectors map[string]*connector
	tunnels    map[string]*tunnel
	endings    endings
}

// New returns a relay that knows nobody yet: give it a State, then links.
func New(cfg Config) *Relay {
	r := &Relay{
		silent:     cfg.Silent,
		mtu:        cfg.MTU,
		idle:       cfg.Idle,
		log:        cfg.Log,
		denials:    cfg.Denials,
		asked:      newAsked(),
		sessions:   newSessions(maxSessions, maxClientSessions),
		flows:      newFlows(maxFlows, maxClientFlows),
		budget:     flow.NewBudget(cfg.FlowMemory),
		devices:    make(map[string]*device),
		connectors: make(map[string]*connector),
		tunnels:    make(map[string]*tunnel),
	}
	if r.log == nil {
		r.log = zap.NewNop()
	}
	if r.mtu == 0 {
		r.mtu = defaultMTU
	}
	if r.denials == nil {
		r.denials = policy.NewLog()
	}
	for _, a := range cfg.Hops {
		if a.Is4() {
			r.hop4 = a
		} else {
			r.hop6 = a
		}
	}
	r.scratch.New = func() any { return new(scratch) }
	r.state.Store(emptyState())
	return r
}

// Run ends idle sessions, and stuck flows when memory is short, and tells connectors again what they were not told for
// sure, until ctx ends. It returns ctx's error.
func (r *Relay) Run(ctx context.Context) error {
	g, ctx := errgroup.WithContext(ctx)
	g.Go(func() error { return r.budget.Run(ctx) })
	g.Go(func() error { return r.sweep(ctx) })
	return g.Wait()
}

// sweep looks after idle sessions, devices that have ended and what was asked, until ctx ends.
func (r *Relay) sweep(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-t.C:
			r.sessions.sweep(now)
			r.sweepEndings(now)
			r.asked.sweep()
		}
	}
}

// Counters returns what ended here, by reason.
func (r *Relay) Counters() *packet.Counters { return &r.counters }

// Memory returns what TCP flows hold.
func (r *Relay) Memory() flow.Usage { return r.budget.Usage(time.Now()) }

// Denials returns the log of denials.
func (r *Relay) Denials() *policy.Log { return r.denials }

// Sessions returns the number of live UDP sessions.
func (r *Relay) Sessions() int { return r.sessions.len() }

// Flows returns the number of live TCP flows, those still connecting included.
func (r *Relay) Flows() int { return r.flows.len() }

// isHop says whether a is one of the edge's own addresses.
func (r *Relay) isHop(a netip.Addr) bool { return a == r.hop4 || a == r.hop6 }

// hop returns the address from which the edge answers in one family; invalid where it has none.
func (r *Relay) hop(v6 bool) netip.Addr {
	if v6 {
		return r.hop6
	}
	return r.hop4
}

func newLimiter() *rate.Limiter { return rate.NewLimiter(answerRate, answerBurst) }
