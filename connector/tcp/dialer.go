package tcp

import (
	"context"
	"errors"
	"net"
	"net/netip"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Dialer opens flows. Safe for concurrent use.
type Dialer struct {
	cfg   Config
	sys   Sockets
	flows *table.Places[netip.Addr, *liveFlow] // by client

	hop.Extensions
}

// New returns a dialer over sockets of its own. Run must be called for connections to be made, and
// frees everything.
func New(sys Sockets, cfg Config) *Dialer {
	if cfg.MaxFlows == 0 {
		cfg.MaxFlows = MaxFlows
	}
	return &Dialer{cfg: cfg, sys: sys, flows: table.NewPlaces[netip.Addr, *liveFlow](cfg.MaxFlows, 0)}
}

// Run serves the sockets until ctx ends; Serve must not be called after that. Never nil.
func (d *Dialer) Run(ctx context.Context) error { return d.sys.Run(ctx) }

// Serve connects the flow h to its destination with a SYN of the given TTL, answers, and pumps
// until it has ended. It owns s, unless the verdict has an answer: then nothing was said yet, and
// the caller says it.
func (d *Dialer) Serve(ctx context.Context, s *link.Stream, h *proto.FlowHeader, ttl uint8) packet.Verdict {
	ctx, f, ok := d.open(ctx, h.Src.Addr())
	if !ok {
		// RFC 6888 REQ-8: out of resources, say host unreachable
		return packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}
	}
	defer d.close(f)
	v := d.serve(ctx, s, h, ttl, f)
	v.Reason = f.ended(v.Reason)
	return v
}

// serve is Serve for a flow that has a place.
func (d *Dialer) serve(ctx context.Context, s *link.Stream, h *proto.FlowHeader, ttl uint8, f *liveFlow) packet.Verdict {
	o, err := d.dial(ctx, s, Target{Dst: h.Dst, TTL: ttl, TOS: h.Class})
	if err == nil {
		d.cfg.Host.Heard(h.Dst.Addr(), o.from(h.Dst.Addr()))
	}
	switch {
	case err != nil: // the opener gave up, or nothing came
		return packet.Verdict{Reason: d.silent(ctx, s)}
	case o.Conn != nil:
		return packet.Verdict{Reason: d.pump(ctx, s, h, o, f)}
	case o.Refused:
		return end(s, proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: d.synAckTTL(h, 0)}, packet.Refused)
	case o.Error != nil:
		return end(s, d.heard(h, *o.Error), packet.Unreachable)
	case o.Verdict.Answer == packet.NoError:
		return end(s, proto.FlowAnswer{Kind: proto.AnswerSilent}, o.Verdict.Reason)
	}
	return o.Verdict
}

// dial connects while the opener waits and Patience lasts.
func (d *Dialer) dial(ctx context.Context, s *link.Stream, t Target) (Outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	stop := context.AfterFunc(s.Context(), cancel)
	defer stop()
	return d.sys.Dial(ctx, t)
}

// pump answers "connected" and moves bytes.
func (d *Dialer) pump(ctx context.Context, s *link.Stream, h *proto.FlowHeader, o Outcome, live *liveFlow) packet.Reason {
	d.flows.Confirm(live.place)
	f := flow.New(s, h, d.cfg.Budget)
	c := newEndpoint(o.Conn)
	if err := f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: d.synAckTTL(h, o.TTL)}); err != nil {
		c.Abort()
		f.Drop(proto.CodeAborted)
		return packet.Closed
	}
	switch err := flow.Pump(ctx, f, noted{c, live}); {
	case f.Short():
		return packet.MemoryShort
	case err != nil && !errors.Is(err, net.ErrClosed):
		return packet.Closed
	}
	return packet.OK
}

// synAckTTL returns the TTL of the origin's SYN-ACK or RST as it leaves us; ttl is what was seen of
// it, 0 = nothing: then the last that was heard of the origin is taken, as an unprivileged IPv4
// socket does not see that of a SYN-ACK.
func (d *Dialer) synAckTTL(h *proto.FlowHeader, ttl uint8) uint8 {
	origin := h.Dst.Addr()
	if d.cfg.Host.Own(origin) {
		return packet.DefaultTTL
	}
	if ttl == 0 {
		ttl = d.cfg.Host.LastTTL(origin)
	}
	next, _ := hop.BackTTL(ttl, false)
	return max(next, 1)
}

// heard is the answer for an ICMP error of the network; silence where it expires here.
func (d *Dialer) heard(h *proto.FlowHeader, e packet.Error) proto.FlowAnswer {
	r, _ := hop.Heard(e, h.Dst.Addr(), h.TTL, d.cfg.Host.Seen(e.Src, e.TTL))
	r = d.Readable(r)
	return r.Answer()
}

// silent ends a flow for which nothing came.
func (d *Dialer) silent(ctx context.Context, s *link.Stream) packet.Reason {
	if ctx.Err() != nil || s.Context().Err() != nil {
		s.Reset(proto.CodeAborted)
		return packet.Closed
	}
	return end(s, proto.FlowAnswer{Kind: proto.AnswerSilent}, packet.Timeout).Reason
}

// end answers a flow that was not connected.
func end(s *link.Stream, a proto.FlowAnswer, why packet.Reason) packet.Verdict {
	flow.Refuse(s, a)
	return packet.Verdict{Reason: why}
}
