package path

import (
	"context"
	"time"

	"github.com/oneping/oneping/internal/flow"
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
	o, syn := p.tcp.answered(h, &answer, time.Now(), &st)
	if r := p.carryOut(l, &o); r != packet.OK { // the segment itself was counted when it came
		p.counters.Count(r)
	}
	if syn == nil {
		f.Drop(proto.CodeAborted)
		return
	}
	p.carry(ctx, f, syn, answer.TTL)
	if r := p.tcp.ended(h.key, time.Now()); r != packet.OK {
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
