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
	sys   *system
	flows *table.Places[netip.Addr, *liveFlow] // by client
}

// Open returns a dialer. Run must be called for connections to be made, and frees everything.
func Open(cfg Config) (*Dialer, error) {
	if cfg.MaxFlows == 0 {
		cfg.MaxFlows = MaxFlows
	}
	sys, err := newSystem()
	if err != nil {
		return nil, err
	}
	return &Dialer{cfg: cfg, sys: sys, flows: table.NewPlaces[netip.Addr, *liveFlow](cfg.MaxFlows, 0)}, nil
}

// Run serves the sockets until ctx ends; Serve must not be called after that. Never nil.
func (d *Dialer) Run(ctx context.Context) error { return d.sys.run(ctx) }

// outcome is how an attempt to connect ended: conn, or what came instead.
type outcome struct {
	conn    *net.TCPConn
	ttl     uint8 // of the SYN-ACK; 0 = unknown
	refused bool
	report  *report        // an ICMP error from the network
	verdict packet.Verdict // this host's own error
}

// from says who ended the attempt to connect to dst; zero for this host.
func (o *outcome) from(dst netip.Addr) netip.Addr {
	switch {
	case o.conn != nil, o.refused:
		return dst
	case o.report != nil:
		return o.report.from
	}
	return netip.Addr{}
}

// Serve connects the flow h to its destination, answers, and pumps until it has ended. It owns s.
// The reason is for the counters.
func (d *Dialer) Serve(ctx context.Context, s *link.Stream, h proto.FlowHeader) packet.Reason {
	ctx, f, ok := d.open(ctx, h.Src.Addr())
	if !ok {
		// RFC 6888 REQ-8: out of resources, say host unreachable
		return d.refuse(s, h, packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable})
	}
	defer d.close(f)
	return f.ended(d.serve(ctx, s, h, f))
}

// serve is Serve for a flow that has a place.
func (d *Dialer) serve(ctx context.Context, s *link.Stream, h proto.FlowHeader, f *liveFlow) packet.Reason {
	ttl, v := d.cfg.Forward(h.Src.Addr(), h.Dst.Addr(), h.TTL)
	if v.Reason != packet.OK {
		return d.refuse(s, h, v)
	}
	o, err := d.dial(ctx, s, h, ttl)
	if err == nil {
		d.cfg.Answered(h.Dst.Addr(), o.from(h.Dst.Addr()))
	}
	switch {
	case err != nil: // the opener gave up, or nothing came
		return d.silent(ctx, s)
	case o.conn != nil:
		return d.pump(ctx, s, h, o, f)
	case o.refused:
		return d.end(s, proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: d.synAckTTL(h, 0)}, packet.Refused)
	case o.report != nil:
		return d.end(s, d.reported(h, o.report), packet.Unreachable)
	}
	return d.refuse(s, h, o.verdict)
}

// dial connects while the opener waits and Patience lasts.
func (d *Dialer) dial(ctx context.Context, s *link.Stream, h proto.FlowHeader, ttl uint8) (outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	stop := context.AfterFunc(s.Context(), cancel)
	defer stop()
	return d.sys.dial(ctx, target{dst: h.Dst, ttl: ttl, tos: h.Class})
}

// pump answers "connected" and moves bytes.
func (d *Dialer) pump(ctx context.Context, s *link.Stream, h proto.FlowHeader, o outcome, live *liveFlow) packet.Reason {
	f := flow.New(s, &h, d.cfg.Budget)
	c := newEndpoint(o.conn)
	if err := f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: d.synAckTTL(h, o.ttl)}); err != nil {
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

// synAckTTL returns the TTL of the origin's SYN-ACK or RST as it leaves us; ttl is what was seen of it, 0 = nothing.
func (d *Dialer) synAckTTL(h proto.FlowHeader, ttl uint8) uint8 {
	if d.cfg.Own(h.Dst.Addr()) {
		return packet.DefaultTTL
	}
	if ttl == 0 {
		ttl = d.cfg.LastTTL(h.Dst.Addr())
	}
	if ttl == 0 {
		ttl = packet.DefaultTTL
	}
	next, _ := packet.NextTTL(ttl)
	return max(next, 1)
}

// refuse answers with an ICMP error of this host, or in silence where none may be sent.
func (d *Dialer) refuse(s *link.Stream, h proto.FlowHeader, v packet.Verdict) packet.Reason {
	var from netip.Addr
	ok := v.Answer != packet.NoError
	if ok {
		from, ok = d.cfg.Reporter(h.Src.Addr(), h.Dst.Addr(), v.Reason)
	}
	if !ok {
		return d.end(s, proto.FlowAnswer{Kind: proto.AnswerSilent}, v.Reason)
	}
	typ, code := v.Answer.TypeCode(h.Dst.Addr().Is6())
	return d.end(s, proto.FlowAnswer{
		Kind: proto.AnswerICMP, ICMPType: typ, ICMPCode: code, TTL: packet.DefaultTTL, QuotedTTL: max(h.TTL, 1),
		MTU: uint16(min(v.MTU, 1<<16-1)), Reporter: from,
	}, v.Reason)
}

// reported is the answer for an ICMP error from the network.
func (d *Dialer) reported(h proto.FlowHeader, r *report) proto.FlowAnswer {
	ttl := r.ttl
	if ttl == 0 { // unknown: as if the reporter were next to us
		ttl = packet.DefaultTTL
	}
	own := d.cfg.Own(r.from)
	if !own {
		if ttl, _ = packet.NextTTL(ttl); ttl == 0 {
			return proto.FlowAnswer{Kind: proto.AnswerSilent} // it expires here
		}
	}
	e := packet.Error{Src: r.from, Type: r.typ, Code: r.code, TTL: r.ttl}
	quoted := hop.QuotedTTL(&e, h.Dst.Addr(), h.TTL, own)
	return proto.FlowAnswer{
		Kind: proto.AnswerICMP, ICMPType: r.typ, ICMPCode: r.code, TTL: ttl, QuotedTTL: quoted,
		MTU: uint16(min(r.mtu, 1<<16-1)), Reporter: r.from,
	}
}

// silent ends a flow for which nothing came.
func (d *Dialer) silent(ctx context.Context, s *link.Stream) packet.Reason {
	if ctx.Err() != nil || s.Context().Err() != nil {
		s.Reset(proto.CodeAborted)
		return packet.Closed
	}
	return d.end(s, proto.FlowAnswer{Kind: proto.AnswerSilent}, packet.Timeout)
}

// end answers a flow that was not connected.
func (d *Dialer) end(s *link.Stream, a proto.FlowAnswer, r packet.Reason) packet.Reason {
	flow.Refuse(s, a)
	return r
}
