package path

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// sweepEvery is how often the tables forget what has expired.
const sweepEvery = time.Second

// RunDevice moves what the host sends, until the device is closed; never nil.
// Flows that it opens end with ctx.
func (p *Path) RunDevice(ctx context.Context) error {
	n := p.dev.BatchSize()
	bufs, sizes := make([][]byte, n), make([]int, n)
	for i := range bufs {
		bufs[i] = make([]byte, packet.MaxSize)
	}
	dropped := p.dev.Dropped()
	for {
		n, err := p.dev.Read(bufs, sizes)
		for ; dropped < p.dev.Dropped(); dropped++ {
			p.counters.Count(packet.Malformed)
		}
		p.fromHost(ctx, bufs, sizes[:n])
		if err == nil {
			continue
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if errors.Is(err, os.ErrClosed) {
			err = errors.New("the TUN device is gone; was it deleted?")
		}
		return fmt.Errorf("read TUN device: %w", err)
	}
}

// RunSweeper forgets what has expired, until ctx ends; never nil.
func (p *Path) RunSweeper(ctx context.Context) error {
	t := time.NewTicker(sweepEvery)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case now := <-t.C:
			p.sweep(now)
		}
	}
}

// look returns the link and its state, which holds for one batch.
func (p *Path) look() (*link.Link, linkState) {
	a := p.current.Load()
	st := a.state
	if a.link != nil {
		st.max, st.settled = a.link.MaxDatagram()
	}
	return a.link, st
}

// fromHost handles one batch of packets from the host.
func (p *Path) fromHost(ctx context.Context, bufs [][]byte, sizes []int) {
	if len(sizes) == 0 {
		return
	}
	now := time.Now()
	l, st := p.look()
	p.outMu.Lock()
	defer p.outMu.Unlock()
	for i, n := range sizes {
		o := p.out.step(bufs[i][:n], now, &st)
		p.counters.Count(p.carryOut(l, &o))
		if o.open != nil {
			p.tcp.start(ctx, o.open, p.runOpening)
		}
	}
}

// Datagram handles one datagram of the link l, and counts and returns what
// became of it (link.Handler).
func (p *Path) Datagram(l *link.Link, d []byte) packet.Reason {
	current, st := p.look()
	if current != l {
		p.counters.Count(packet.Closed)
		return packet.Closed
	}
	s := p.in.get()
	o := p.in.step(s, d, time.Now(), &st)
	r := p.carryOut(l, &o)
	p.in.put(s)
	p.counters.Count(r)
	return r
}

// carryOut does what the outcome says and returns the reason to count. The link
// is there where there is something to send.
func (p *Path) carryOut(l *link.Link, o *outcome) packet.Reason {
	if o.also != packet.OK {
		p.counters.Count(o.also)
	}
	if o.ended != 0 {
		endSession(l, o.ended)
	}
	if o.denial != nil {
		p.denials.add(o.denial)
	}
	switch o.to {
	case theHost:
		if p.dev.WriteOne(o.pkt) != nil {
			return packet.SendFailed
		}
	case theStack:
		p.stack.Inject(o.pkt)
		p.follow(o)
	case theEdge:
		if r := l.Send(o.class, o.pkt); r != packet.OK {
			return r
		}
	}
	return o.reason
}

// follow tells a flow what its host wishes beside the bytes.
func (p *Path) follow(o *outcome) {
	if o.flow == nil {
		return
	}
	o.flow.SetClass(o.tos)
	if o.idle > 0 {
		p.tcp.ask(o.flow, o.idle)
	}
}

// sweep forgets what has expired in every table.
func (p *Path) sweep(now time.Time) {
	l, st := p.look()
	p.asked.expire(now)
	p.sweepFragments(l, &st, now)
	for _, id := range p.udp.expire(now) {
		endSession(l, id)
	}
	p.tcp.expire(now)
}

// sweepFragments gives up packets whose fragments have not all come.
func (p *Path) sweepFragments(l *link.Link, st *linkState, now time.Time) {
	p.outMu.Lock()
	defer p.outMu.Unlock()
	for _, first := range p.out.frags.expire(now) {
		o := p.out.incomplete(first, now, st)
		p.counters.Count(p.carryOut(l, &o))
	}
}

// endSession tells the edge and the connector of the end of a session: they
// need not wait for their own time-outs.
func endSession(l *link.Link, id proto.SessionID) {
	if l != nil {
		l.Send(hop.EventClass, proto.AppendUDPEvent(nil, &proto.UDPEvent{Session: id, Kind: proto.EventClosed}))
	}
}
