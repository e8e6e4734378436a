package client

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	maxHeld = 4096
	// holdTime is a little more than Linux retransmits a SYN (tcp_syn_retries 6: 127 s).
	holdTime = 130 * time.Second
)

// opened is a flow whose opening has been answered. Exactly one of carry and drop must be called.
type opened struct {
	answer proto.FlowAnswer
	// carry completes the handshake with the host by its segment syn and moves bytes until both sides have ended.
	carry func(ctx context.Context, syn []byte)
	// drop gives the flow up.
	drop func()
}

// flowEnds is how held SYNs reach the rest of the client.
type flowEnds struct {
	// open opens a flow and waits for its answer. It ends with ctx.
	open  func(ctx context.Context, h *proto.FlowHeader) (*opened, error)
	back  func(pkt []byte)         // hands a packet to the host
	hop   func(v6 bool) netip.Addr // reporter of an error that names none
	deny  func(d *proto.Denial)    // records a denial
	count func(r packet.Reason)    // counts how an opening ended
	now   func() time.Time         // wall clock of denials
}

// heldSYN is a connection that the host wants and the connector has not answered yet, or
// a segment of no connection (see stray.go).
type heldSYN struct {
	header proto.FlowHeader
	stray  bool
	isn    uint32
	syn    []byte    // the newest copy
	since  time.Time // its first copy
	last   time.Time // its newest copy
	silent bool      // answered with silence: nothing more is tried for this ISN
	cancel context.CancelFunc
}

// heldSYNs holds the SYNs of the host in front of the netstack until the
// connector has connected to the origin. Safe for concurrent use.
type heldSYNs struct {
	ctx  context.Context // of the flows it opens
	ends flowEnds
	max  int
	wg   sync.WaitGroup

	mu     sync.Mutex
	held   map[tuple]*heldSYN
	closed bool
	live   map[tuple]struct{}  // connections whose SYN went to the netstack
	over   map[tuple]time.Time // those that have ended lately, and when
}

// newHeldSYNs returns an empty table whose flows end with ctx.
func newHeldSYNs(ctx context.Context, max int, ends flowEnds) *heldSYNs {
	return &heldSYNs{ctx: ctx, ends: ends, max: max, held: make(map[tuple]*heldSYN), live: make(map[tuple]struct{}), over: make(map[tuple]time.Time)}
}

// out decides about a TCP segment of the host: held, answered with the
// reason, or local: it belongs to the netstack.
func (t *heldSYNs) out(p *packet.Packet, now time.Time, up bool) (_ packet.Reason, local bool) {
	key := tuple{p.SrcAddrPort(), p.DstAddrPort()}
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.held[key]
	if _, ok := t.live[key]; ok {
		return packet.OK, true
	}
	if !p.TransportOK() { // else the origin would be asked for a SYN that it would not have taken
		return packet.Malformed, false
	}
	if !p.IsSYN() {
		if reason, local, done := t.stray(key, h, p); done {
			return reason, local
		}
	}
	if !up {
		return packet.LinkDown, false
	}
	if h != nil && t.renew(h, p, now) {
		return packet.OK, false
	}
	if h != nil {
		t.forget(key, h)
		t.ends.count(packet.Superseded)
	}
	return t.hold(key, p, now), false
}

// overdue says whether the host would have sent another copy by now if it still waited: intervals double, the first one is
// at most 3 s, and traceroute waits 5 s for the answer to its only one. The connector need not go on dialling for who has left.
func (h *heldSYN) overdue(now time.Time) bool {
	return now.Sub(h.last) > 2*h.last.Sub(h.since)+6*time.Second
}

// renew makes p the newest copy of the held SYN h. False: h is of no use to p, because it is
// over, too old, or its flow was opened with another TTL or class.
func (t *heldSYNs) renew(h *heldSYN, p *packet.Packet, now time.Time) bool {
	again := h.isn != p.TCPSeq()
	if again && h.silent || h.stray == p.IsSYN() || now.Sub(h.since) >= holdTime || h.header.TTL != p.TTL || h.header.Class != p.TOS {
		return false
	}
	if again {
		h.isn, h.since = p.TCPSeq(), now
	}
	h.syn, h.last = append(h.syn[:0], p.Raw...), now
	return true
}

// hold keeps a new SYN and opens its flow. The caller holds the lock.
func (t *heldSYNs) hold(key tuple, p *packet.Packet, now time.Time) packet.Reason {
	if t.closed {
		return packet.Closed
	}
	if len(t.held) >= t.max && !t.makeRoom() {
		return packet.TableFull
	}
	ctx, cancel := context.WithCancel(t.ctx)
	h := &heldSYN{
		header: proto.FlowHeader{Flow: proto.NewFlowID(), Src: key.src, Dst: key.dst, TTL: p.TTL, Class: p.TOS},
		stray:  !p.IsSYN(),
		isn:    p.TCPSeq(),
		syn:    append([]byte(nil), p.Raw...),
		since:  now,
		last:   now,
		cancel: cancel,
	}
	t.held[key] = h
	t.wg.Go(func() { t.run(ctx, key, h) })
	return packet.OK
}

// makeRoom forgets one that was answered with silence: a scan of silent addresses keeps no connection out. The caller holds the lock.
func (t *heldSYNs) makeRoom() bool {
	for key, h := range t.held {
		if h.silent {
			t.forget(key, h)
			return true
		}
	}
	return false
}

// forget ends h; its flow is reset, so that the connector stops dialling. The caller holds the lock.
func (t *heldSYNs) forget(key tuple, h *heldSYN) {
	if t.held[key] == h {
		delete(t.held, key)
	}
	h.cancel()
}

// run opens the flow of h and does what the answer says.
func (t *heldSYNs) run(ctx context.Context, key tuple, h *heldSYN) {
	defer h.cancel()
	header := h.header
	o, err := t.ends.open(ctx, &header)
	syn, ok := t.answered(key, h, o, err)
	switch {
	case err != nil:
	case !ok:
		o.drop()
	case h.stray && o.answer.Kind == proto.AnswerConnected:
		o.drop()
		t.reset(o.answer, syn)
	case o.answer.Kind == proto.AnswerConnected:
		o.carry(ctx, syn)
		t.ended(key)
	default:
		o.drop()
		t.refuse(h, o.answer, syn)
	}
}

// answered takes h out of the table and returns its newest SYN. False: h was forgotten meanwhile, or stays
// held in silence.
func (t *heldSYNs) answered(key tuple, h *heldSYN, o *opened, err error) (syn []byte, ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.held[key] != h {
		return nil, false
	}
	if err == nil && o.answer.Kind == proto.AnswerSilent {
		h.silent = true
		t.ends.count(packet.Timeout)
		return nil, false
	}
	delete(t.held, key)
	if err != nil {
		t.ends.count(openingFailed(err))
		return nil, false
	}
	if o.answer.Kind == proto.AnswerConnected && !h.stray {
		delete(t.over, key)
		t.live[key] = struct{}{}
	}
	return h.syn, true
}

// openingFailed returns why a flow that was opened had no answer: what the edge's reset says, or that the link is down.
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

// ended forgets a connection whose two directions have ended.
func (t *heldSYNs) ended(key tuple) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.live, key)
	if len(t.over) >= maxOver {
		clear(t.over) // their last segments are asked about like those of a stranger
	}
	t.over[key] = t.ends.now()
}

// refuse answers the SYN with what the origin, a router or the policy said.
func (t *heldSYNs) refuse(h *heldSYN, a proto.FlowAnswer, syn []byte) {
	var p packet.Packet
	if packet.Parse(syn, &p) != packet.OK {
		return
	}
	if a.Kind == proto.AnswerRefused {
		t.ends.count(packet.Refused)
		if rst, ok := packet.AppendRST(nil, &p, a.TTL); ok {
			t.ends.back(rst)
		}
		return
	}
	reporter := a.Reporter
	if !reporter.IsValid() {
		reporter = t.ends.hop(p.V6)
	}
	if a.Decision != 0 {
		t.ends.count(packet.Denied)
		t.ends.deny(&proto.Denial{ID: a.Decision, Time: t.ends.now(), Protocol: "tcp", Dst: h.header.Dst.String()})
	} else {
		t.ends.count(packet.Unreachable)
	}
	e := packet.Error{Src: reporter, Type: a.ICMPType, Code: a.ICMPCode, TTL: a.TTL, MTU: uint32(a.MTU)}
	if icmp, ok := appendErrorFor(nil, e, a.QuotedTTL, syn); ok {
		t.ends.back(icmp)
	}
}

// expire forgets SYNs that the host has stopped sending, and connections that have ended long enough ago.
func (t *heldSYNs) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for key, since := range t.over {
		if now.Sub(since) >= overTime {
			delete(t.over, key)
		}
	}
	for key, h := range t.held {
		if now.Sub(h.since) >= holdTime || h.overdue(now) {
			t.forget(key, h)
		}
	}
}

// counts returns how many SYNs are held and how many connections are open.
func (t *heldSYNs) counts() (held, live int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.held), len(t.live)
}

// close takes no more SYNs and returns when every flow has ended; the table's context must be over.
func (t *heldSYNs) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.wg.Wait()
}
