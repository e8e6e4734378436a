package path

import (
	"context"
	"errors"
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// runOpening opens the flow of a held SYN, does what its answer says, and moves
// its bytes if it was accepted.
func (p *Path) runOpening(ctx context.Context, h *heldSYN) {
	f, answer, err := p.openFlow(ctx, &h.header)
	if err != nil {
		if r := p.tcp.failed(h, err); r != packet.OK {
			p.counters.Count(r)
		}
		return
	}
	l, st := p.look()
	o, syn := p.tcp.conclude(h, f, &answer, time.Now(), &st)
	if r := p.carryOut(l, &o); r != packet.OK { // the segment itself was counted when it came
		p.counters.Count(r)
	}
	if syn == nil {
		f.Drop(proto.CodeAborted)
		return
	}
	p.carry(ctx, f, syn, answer.TTL)
	if r := p.tcp.ended(h, time.Now()); r != packet.OK {
		p.counters.Count(r)
	}
}

// openFlow opens a flow on the link and waits for its answer.
func (p *Path) openFlow(ctx context.Context, h *proto.FlowHeader) (*flow.Flow, proto.FlowAnswer, error) {
	l := p.Link()
	if l == nil {
		return nil, proto.FlowAnswer{}, link.ErrClosed
	}
	s, err := l.OpenFlow(ctx, h)
	if err != nil {
		return nil, proto.FlowAnswer{}, err
	}
	f := flow.New(s, h, p.budget)
	a, err := f.Await(ctx)
	if err != nil {
		f.Drop(proto.CodeAborted)
		return nil, a, err
	}
	return f, a, nil
}

// carry completes the handshake with the application and moves bytes until both
// sides have ended. How a connection ends is for its two ends to know; nobody
// else needs the error.
func (p *Path) carry(ctx context.Context, f *flow.Flow, syn []byte, ttl uint8) {
	conn, err := p.stack.Accept(ctx, syn, ttl)
	if err != nil {
		f.Drop(proto.CodeAborted)
		return
	}
	_ = flow.Pump(ctx, f, conn)
	if f.Short() {
		p.counters.Count(packet.MemoryShort)
	}
}

// conclude returns what the answer to h, of the flow f, means for the host. Where there is a
// syn, it is the newest, and the stack accepts the flow by it; else the flow is of no use.
func (t *heldSYNs) conclude(h *heldSYN, f *flow.Flow, a *proto.FlowAnswer, now time.Time, st *linkState) (o outcome, syn []byte) {
	syn, r := t.settle(h, f, a, now)
	switch {
	case syn == nil:
		return outcome{reason: r}, nil
	case a.Kind != proto.AnswerConnected:
		return refuse(a, h.key, syn, now, st), nil
	case h.stray:
		return reset(a, syn), nil
	}
	return outcome{}, syn
}

// settle takes h out of the table and returns its newest SYN; nil: it was
// forgotten meanwhile, or stays held in silence.
func (t *heldSYNs) settle(h *heldSYN, f *flow.Flow, a *proto.FlowAnswer, now time.Time) (syn []byte, _ packet.Reason) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.holds(h) {
		return nil, packet.OK
	}
	if a.Kind == proto.AnswerSilent {
		h.silent = true
		return nil, packet.Timeout
	}
	t.held.Delete(h.key)
	if a.Kind == proto.AnswerConnected && !h.stray {
		t.over.Delete(h.key)
		h.live = &liveConn{flow: f, isn: h.isn, next: h.isn + 1, last: now, tos: h.header.Class &^ ecnMask}
		t.live[h.key] = h.live
	}
	return h.syn, packet.OK
}

// refuse answers the SYN with what the origin, a router or the policy said.
func refuse(a *proto.FlowAnswer, key tuple, syn []byte, now time.Time, st *linkState) (o outcome) {
	var p packet.Packet
	if packet.Parse(syn, &p) != packet.OK {
		return o
	}
	if a.Kind == proto.AnswerRefused {
		o.reason = packet.Refused
		if rst, ok := packet.AppendRST(nil, &p, a.TTL); ok {
			o.to, o.pkt = theHost, rst
		}
		return o
	}
	r := hop.OfAnswer(a)
	if r.Silent() { // the edge spoke for itself
		r.Error.Src = st.hop(p.V6)
	}
	if o.reason = outcomeOf(r.Error.Src, r.Error.Type, r.Error.Code, p.V6, st); o.reason == packet.OK {
		o.reason = r.Reason // no connection came of it
	}
	if r.Decision != 0 {
		o.reason = packet.Denied
		o.denial = &proto.Denial{ID: r.Decision, Time: now, Protocol: "tcp", Dst: key.dst.String()}
	}
	if icmp, ok := appendHeard(nil, &r, syn); ok {
		o.to, o.pkt = theHost, icmp
	}
	return o
}

// failed takes h, whose flow could not be opened, out of the table and returns
// why. OK: it was forgotten meanwhile.
func (t *heldSYNs) failed(h *heldSYN, err error) packet.Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.holds(h) {
		return packet.OK
	}
	t.held.Delete(h.key)
	return openingFailed(err)
}

// openingFailed returns why the opening of a flow had no answer: what the edge's
// reset says, or that the link is down.
func openingFailed(err error) packet.Reason {
	if errors.Is(err, context.Canceled) {
		return packet.Closed
	}
	reset, ok := errors.AsType[*link.ResetError](err)
	if !ok {
		return packet.LinkDown
	}
	switch reset.Code {
	case proto.CodeDenied:
		return packet.Denied
	case proto.CodeLinkDown: // the edge's, to the connector
		return packet.ConnectorDown
	case proto.CodeTimeout:
		return packet.Timeout
	case proto.CodeTooMany:
		return packet.TableFull
	}
	return packet.Closed
}
