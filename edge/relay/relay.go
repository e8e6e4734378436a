// Package relay is the edge as a router: it carries packets, UDP sessions and
// TCP flows between the links of devices and those of connectors.
//
// Datagram and Flow of the two attachments are the front door: they take what arrives on a link,
// ask the room that it belongs to, and carry out what that returns; a room sends nothing and counts
// nothing.
//
//	decide.go   who may send what where: all rooms of the way out, numbered, and the refusals
//	packet.go   ┐
//	session.go  ├ what a request and a refusal look like on each of the three wires
//	flow.go     ┘
//	back.go     the way back: what a connector may say, and nothing else
//	attach.go   the links of devices and connectors;  place.go  which connector serves what
//
// What the rooms look at (routes, policy, devices, live links) is read through
// atomic pointers and immutable maps: the packet path takes no lock but the one of the
// session table's shard, those of the denial log and of a device's error limit where it is refused, and
// allocates nothing. What was asked is noted in atomics (asked.go).
//
// What is decided by is compiled elsewhere and comes with SetState: no route, grant or identity is
// read from a store here. Nor is a link accepted or a message of the control stream read: the edge's
// acceptor does both.
package relay

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Relay is the edge's data plane. Safe for concurrent use.
type Relay struct {
	settings
	denials  *policy.Log
	counters packet.Counters
	state    atomic.Pointer[compiled]
	asked    *asked
	sessions *sessions
	flows    *flows
	budget   *flow.Budget // of the flows' memory
	scratch  sync.Pool    // of *scratch
	registry
}

// New returns a relay that knows nobody yet: give it a State, then links.
func New(cfg Config) *Relay {
	r := &Relay{
		settings: cfg.settings(),
		denials:  cfg.Denials,
		asked:    newAsked(),
		sessions: newSessions(maxSessions, maxClientSessions),
		flows:    newFlows(maxFlows, maxClientFlows),
		budget:   flow.NewBudget(cfg.FlowMemory),
		registry: newRegistry(),
	}
	if r.denials == nil {
		r.denials = policy.NewLog()
	}
	r.scratch.New = func() any { return new(scratch) }
	r.state.Store(emptyState())
	return r
}

// Run ends idle sessions, and stuck flows when memory is short, and tells connectors again what
// they were not told for sure, until ctx ends. It returns ctx's error.
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

// Datagram takes one datagram that arrived from the device. d is changed in place.
// The reason is OK where the datagram went on or was answered as asked.
func (a *DeviceAttachment) Datagram(d []byte) packet.Reason {
	s := a.r.take()
	defer a.r.give(s)
	var o outcome
	switch kindOf(d) {
	case proto.TypePacket:
		o = a.packet(d, s)
	case proto.TypeUDPRegistration:
		o = a.registration(d, s)
	case proto.TypeUDPPayload:
		o = a.payload(d, s)
	case proto.TypeUDPEvent:
		o = a.event(d, s)
	default:
		o = ended(packet.UnknownType)
	}
	return a.r.carryOut(&o, a.link)
}

// Datagram takes one datagram that arrived from the connector, as DeviceAttachment.Datagram does.
func (a *ConnectorAttachment) Datagram(d []byte) packet.Reason {
	s := a.r.take()
	defer a.r.give(s)
	var o outcome
	switch kindOf(d) {
	case proto.TypePacket:
		o = a.packet(d, s)
	case proto.TypeUDPPayload:
		o = a.payload(d, s)
	case proto.TypeUDPEvent:
		o = a.event(d, s)
	default:
		o = ended(packet.UnknownType)
	}
	return a.r.carryOut(&o, a.link)
}

func kindOf(d []byte) proto.DatagramType {
	if len(d) == 0 {
		return 0
	}
	return proto.DatagramType(d[0])
}

// carryOut sends what o says and counts its reason.
func (r *Relay) carryOut(o *outcome, from Link) packet.Reason {
	if o.to != nil {
		if sent := o.to.SendFor(o.owner, o.class, o.forward); o.reason == packet.OK {
			o.reason = sent
		}
	}
	if o.back != nil {
		_ = from.Send(link.Urgent, o.back) // an answer lost to a full queue is an answer lost on a wire
	}
	if o.out != nil {
		r.tellEnd(o.out, packet.Superseded)
	}
	r.count(o, from)
	return o.reason
}

// count counts how something of from ended, and tells it of a denial that no answer names.
func (r *Relay) count(o *outcome, from Link) {
	r.counters.Count(o.reason)
	if o.limited {
		r.counters.Count(packet.RateLimited)
	}
	if o.tell != nil {
		_ = from.SendControl(&proto.Control{Denial: o.tell}) // the denial stays in the edge's own log
	}
}
