package relay

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// answerWait bounds how long the edge waits for a connector's answer. The
// client forgets a SYN after 130 s and resets the stream then; this is for one that does not.
const answerWait = 150 * time.Second

// flowVerdict is what the rooms say about the opening of a flow.
type flowVerdict struct {
	reason packet.Reason
	answer proto.FlowAnswer // sent back where to is nil; Kind 0 = reset the stream with code instead
	code   proto.Code
	// limited: an answer was due, but the device has had enough of them.
	limited bool
	to      *ConnectorAttachment
	tunnel  string // id
	holder  string // of the flow's place
	denied  *proto.Denial
}

// Flow takes a flow that the device opened on s: it answers, or connects s with
// a stream to the connector, and returns when the flow has ended. It finishes s.
func (c *DeviceAttachment) Flow(ctx context.Context, s *link.Stream, h proto.FlowHeader) {
	st := c.r.state.Load()
	v := c.flow(st, &h)
	if v.denied != nil {
		_ = c.link.SendControl(&proto.Control{Denial: v.denied}) // it stays in the edge's own log
	}
	if v.to == nil {
		c.r.counters.Count(v.reason)
		c.finishFlow(s, &v)
		return
	}
	f, ok := c.r.flows.open(&tuple{dev: c.dev, holder: v.holder, src: h.Src, dst: h.Dst, proto: policy.TCP, tunnel: v.tunnel}, s)
	if !ok {
		c.r.counters.Count(packet.TableFull)
		v = c.unreachableFlow(&h, packet.TableFull, packet.HostUnreachable)
		c.finishFlow(s, &v)
		return
	}
	defer c.r.flows.end(f)
	// A policy change between reading st and here has not seen the flow.
	if now := c.r.state.Load(); now != st && !now.allows(&f.tuple) {
		f.cut(packet.Denied)
	}
	h.TTL-- // above 1: it was looked at
	c.r.counters.Count(f.ended(c.connectFlow(ctx, s, f, v.to, &h)))
}

// finishFlow sends the answer of v, after which nothing follows.
func (c *DeviceAttachment) finishFlow(s *link.Stream, v *flowVerdict) {
	if v.limited {
		c.r.counters.Count(packet.RateLimited)
	}
	if v.answer.Kind == 0 {
		s.Reset(v.code)
		return
	}
	if _, err := s.Write(proto.AppendFlowAnswer(nil, &v.answer)); err != nil {
		s.Reset(proto.CodeAborted)
		return
	}
	_ = s.Close() // the answer is on its way; there is nobody else to tell
}

// flow passes the opening of a flow through the rooms.
func (c *DeviceAttachment) flow(st *compiled, h *proto.FlowHeader) flowVerdict {
	if reason := checkTuple(h.Src, h.Dst); reason != packet.OK {
		return flowVerdict{reason: reason, code: proto.CodeProtocol}
	}
	sub := st.source(c.dev, h.Src.Addr())
	switch {
	case sub == nil:
		return flowVerdict{reason: packet.Spoofed, code: proto.CodeProtocol}
	case c.r.isHop(h.Dst.Addr()):
		return flowVerdict{reason: packet.Refused, answer: proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: packet.DefaultTTL, QuotedTTL: h.TTL}}
	case h.TTL <= 1:
		return c.flowError(h, packet.TTLExpired, packet.TimeExceeded)
	}
	entry, routed := st.table.Lookup(h.Dst.Addr())
	target := policy.Target{Dst: h.Dst.Addr(), Proto: policy.TCP, Port: h.Dst.Port(), Tunnel: entry.Tunnel}
	if !st.policy.Decide(&sub.principal, target).Allowed {
		return c.deniedFlow(st, sub, target, h)
	}
	if !routed {
		return c.unreachableFlow(h, packet.NoRoute, packet.NetUnreachable)
	}
	to := st.tunnels[entry.Tunnel].pick(placeKey(h.Src.Addr(), h.Dst.Addr(), policy.TCP, 0))
	if to == nil {
		return c.unreachableFlow(h, packet.ConnectorDown, packet.HostUnreachable)
	}
	return flowVerdict{to: to, tunnel: entry.Tunnel, holder: sub.holder()}
}

// deniedFlow answers with the decision's id, by which the client lists the
// denial; where the answer is silence, a control message tells it.
func (c *DeviceAttachment) deniedFlow(st *compiled, sub *source, t policy.Target, h *proto.FlowHeader) flowVerdict {
	v := c.unreachableFlow(h, packet.Denied, packet.AdminProhibited)
	switch {
	case v.limited:
	case v.answer.Kind == proto.AnswerSilent:
		v.answer.Decision, v.denied = c.denySilently(st, sub, t)
	default:
		v.answer.Decision, _ = c.deny(st, sub, t)
	}
	return v
}

// unreachableFlow says no, or nothing where the edge is silent.
func (c *DeviceAttachment) unreachableFlow(h *proto.FlowHeader, reason packet.Reason, kind packet.ErrorKind) flowVerdict {
	if c.r.silent {
		return flowVerdict{reason: reason, answer: proto.FlowAnswer{Kind: proto.AnswerSilent}}
	}
	return c.flowError(h, reason, kind)
}

// flowError answers with an ICMP error from the hop address; with silence
// where the edge has none. Where it has made too many the stream is reset: the
// client holds a silent SYN for 130 s, and after a reset the next one gets its answer.
func (c *DeviceAttachment) flowError(h *proto.FlowHeader, reason packet.Reason, kind packet.ErrorKind) flowVerdict {
	v6 := h.Dst.Addr().Is6()
	hop := c.r.hop(v6)
	if !hop.IsValid() {
		return flowVerdict{reason: reason, answer: proto.FlowAnswer{Kind: proto.AnswerSilent}}
	}
	if !c.answers.Allow() {
		return flowVerdict{reason: reason, limited: true, code: proto.CodeTooMany}
	}
	a := proto.FlowAnswer{Kind: proto.AnswerICMP, Reporter: hop, TTL: packet.DefaultTTL, QuotedTTL: h.TTL}
	a.ICMPType, a.ICMPCode = kind.TypeCode(v6)
	return flowVerdict{reason: reason, answer: a}
}

// connectFlow opens the flow on the connector's link, passes the answer on and
// then the bytes, until both directions have ended. It finishes s.
func (c *DeviceAttachment) connectFlow(ctx context.Context, s *link.Stream, f *liveFlow, to *ConnectorAttachment, h *proto.FlowHeader) packet.Reason {
	up, err := openUp(ctx, s, to, h)
	if err != nil {
		h.TTL++ // the error is about the SYN as it came
		v := c.unreachableFlow(h, packet.ConnectorDown, packet.HostUnreachable)
		c.finishFlow(s, &v)
		return v.reason
	}
	if !f.bind(up) {
		return packet.Denied // or whatever f says
	}
	a, reason := c.awaitAnswer(s, up, h)
	if a.Kind == 0 {
		s.Reset(proto.CodeLinkDown) // silence would hold back the application's next SYN, which may find another way
		return reason
	}
	if a.Kind != proto.AnswerConnected {
		up.Reset(proto.CodeAborted)
		c.finishFlow(s, &flowVerdict{answer: a})
		return reason
	}
	if _, err := s.Write(proto.AppendFlowAnswer(nil, &a)); err != nil {
		up.Reset(proto.CodeAborted)
		s.Reset(proto.CodeAborted)
		return packet.Closed
	}
	held := c.r.budget.Open(f.holder, h.Src, h.Dst, func(code proto.Code) {
		s.Reset(code)
		up.Reset(code)
	})
	defer held.Release()
	f.held.Store(held)
	_ = flow.Splice(ctx, s, up, held) // how a flow ends is between its ends; both know
	if held.Short() {
		return packet.MemoryShort
	}
	return packet.OK
}

// openUp opens the flow on the connector's link, for as long as the client waits for it.
func openUp(ctx context.Context, s *link.Stream, to *ConnectorAttachment, h *proto.FlowHeader) (*link.Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	defer context.AfterFunc(s.Context(), cancel)()
	return to.link.OpenFlow(ctx, h)
}

// awaitAnswer reads the connector's answer and takes it through the edge as a hop: silence
// where none came in time, Kind 0 where the connector left before it gave one.
func (c *DeviceAttachment) awaitAnswer(s, up *link.Stream, h *proto.FlowHeader) (proto.FlowAnswer, packet.Reason) {
	stop := context.AfterFunc(s.Context(), func() { up.Reset(proto.CodeAborted) }) // the client forgot its SYN
	defer stop()
	_ = up.SetReadDeadline(time.Now().Add(answerWait)) // fails only on a closed stream, which the read tells
	a, err := proto.ReadFlowAnswer(up)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return proto.FlowAnswer{Kind: proto.AnswerSilent}, packet.Timeout
	case err != nil:
		up.Reset(proto.CodeAborted)
		return proto.FlowAnswer{}, packet.LinkDown
	}
	_ = up.SetReadDeadline(time.Time{})
	return c.r.backAnswer(a, h.Dst.Addr().Is6())
}

// backAnswer decrements the TTL of a connector's answer. TTL 0 means that the
// connector could not see it. An answer that expires here is dropped, as a router would.
func (r *Relay) backAnswer(a proto.FlowAnswer, v6 bool) (proto.FlowAnswer, packet.Reason) {
	a.Decision = 0 // the edge decides, nobody else
	if a.Kind == proto.AnswerICMP && !r.plausible(a.Reporter, a.ICMPType, v6) {
		return proto.FlowAnswer{Kind: proto.AnswerSilent}, packet.Unsolicited
	}
	if a.TTL != 0 {
		ttl, ok := packet.NextTTL(a.TTL)
		if !ok {
			return proto.FlowAnswer{Kind: proto.AnswerSilent}, packet.TTLExpired
		}
		a.TTL = ttl
	}
	switch a.Kind {
	case proto.AnswerRefused:
		return a, packet.Refused
	case proto.AnswerICMP:
		return a, packet.Unreachable
	case proto.AnswerSilent:
		return a, packet.Timeout
	}
	return a, packet.OK
}
