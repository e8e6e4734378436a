package path

import (
	"context"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	maxHeld = 4096
	// holdTime is a little more than Linux retransmits a SYN (tcp_syn_retries 6: 127 s).
	holdTime = 130 * time.Second
)

// heldSYN is a connection that the host wants and the connector has not answered
// yet, or a segment of no connection (stray.go).
type heldSYN struct {
	key    tuple
	header proto.FlowHeader // of the flow that asks the connector; not changed
	stray  bool
	isn    uint32
	syn    []byte             // the newest copy
	since  time.Time          // its first copy
	last   time.Time          // its newest copy
	silent bool               // answered with silence: nothing more is tried for this ISN
	cancel context.CancelFunc // ends the opening of its flow; nil: that has not begun
}

// heldSYNs holds the SYNs of the host in front of the stack until the
// connector has connected to the origin. Safe for concurrent use.
type heldSYNs struct {
	max int
	wg  sync.WaitGroup // of openings

	// mu guards what follows, and the fields of each heldSYN.
	mu     sync.Mutex
	held   map[tuple]*heldSYN
	closed bool
	live   map[tuple]struct{}                      // connections whose SYN went to the stack
	over   *table.Table[tuple, struct{}, struct{}] // those that have ended lately
	pushed packet.Reason                           // why the last to leave over left early; OK: it did not
}

// newHeldSYNs returns an empty table for max SYNs.
func newHeldSYNs(max int) *heldSYNs {
	t := &heldSYNs{max: max, held: make(map[tuple]*heldSYN), live: make(map[tuple]struct{})}
	t.over = table.New[tuple, struct{}](table.Config[tuple, struct{}]{Max: maxOver, Tentative: true, OnEvict: t.leftOver})
	return t
}

// out decides about a TCP segment of the host. It goes to the stack, is held,
// with or without a flow to open, or ends here.
func (t *heldSYNs) out(p *packet.Packet, now time.Time, up bool) outcome {
	key := tuple{p.SrcAddrPort(), p.DstAddrPort()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, ok := t.live[key]; ok {
		return outcome{to: theStack, pkt: p.Raw}
	}
	if !p.TransportOK() { // else the origin would be asked for a SYN that it would not have taken
		return outcome{reason: packet.Malformed}
	}
	h := t.held[key]
	if !p.IsSYN() {
		if o, done := t.stray(key, h, p); done {
			return o
		}
	}
	if !up {
		return outcome{reason: packet.LinkDown}
	}
	if h != nil && h.renew(p, now) {
		return outcome{}
	}
	var also packet.Reason
	if h != nil {
		t.forget(h)
		also = packet.Superseded
	}
	o := t.hold(key, p, now)
	o.also = also
	return o
}

// overdue says whether the host would have sent another copy by now if it still
// waited: intervals double, the first one is at most 3 s, and traceroute waits
// 5 s for the answer to its only one. The connector stops dialling once the
// application has given up.
func (h *heldSYN) overdue(now time.Time) bool {
	return now.Sub(h.last) > 2*h.last.Sub(h.since)+6*time.Second
}

// renew makes p the newest copy of the held SYN. False: h does not serve p: it was
// answered with silence, is too old, or its flow was opened with another TTL or class.
func (h *heldSYN) renew(p *packet.Packet, now time.Time) bool {
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

// hold keeps a new SYN, whose flow is to be opened. The caller holds the lock.
func (t *heldSYNs) hold(key tuple, p *packet.Packet, now time.Time) outcome {
	if t.closed {
		return outcome{reason: packet.Closed}
	}
	if len(t.held) >= t.max && !t.makeRoom() {
		return outcome{reason: packet.TableFull}
	}
	h := &heldSYN{
		key:    key,
		header: proto.FlowHeader{Flow: proto.NewFlowID(), Src: key.src, Dst: key.dst, TTL: p.TTL, Class: p.TOS},
		stray:  !p.IsSYN(),
		isn:    p.TCPSeq(),
		syn:    append([]byte(nil), p.Raw...),
		since:  now,
		last:   now,
	}
	t.held[key] = h
	return outcome{open: h}
}

// makeRoom forgets a SYN that was answered with silence, so that a scan of silent
// addresses keeps no connection out. The caller holds the lock.
func (t *heldSYNs) makeRoom() bool {
	for _, h := range t.held {
		if h.silent {
			t.forget(h)
			return true
		}
	}
	return false
}

// forget ends h and resets its flow, so that the connector stops dialling. The
// caller holds the lock.
func (t *heldSYNs) forget(h *heldSYN) {
	if t.held[h.key] == h {
		delete(t.held, h.key)
	}
	if h.cancel != nil {
		h.cancel()
	}
}

// start runs the opening of h's flow in a goroutine of its own, with a context
// that ends when h is forgotten, unless it is forgotten already.
func (t *heldSYNs) start(ctx context.Context, h *heldSYN, run func(context.Context, *heldSYN)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.held[h.key] != h {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	h.cancel = cancel
	t.wg.Go(func() {
		defer cancel()
		run(ctx, h)
	})
}

// ended forgets a connection whose two directions have ended, but for its last
// segments. Superseded: those of another one are a stranger's from now on.
func (t *heldSYNs) ended(key tuple, now time.Time) packet.Reason {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.live, key)
	t.pushed = packet.OK
	t.over.Add(now, key, struct{}{}, struct{}{}, overTime)
	return t.pushed
}

// leftOver notes that a connection has left over (table.Config.OnEvict). The caller holds the lock.
func (t *heldSYNs) leftOver(_ tuple, _ struct{}, why packet.Reason) {
	if why == packet.Superseded {
		t.pushed = why
	}
}

// expire forgets SYNs that the host no longer sends, and connections that ended
// long enough ago.
func (t *heldSYNs) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over.Expire(now)
	for _, h := range t.held {
		if now.Sub(h.since) >= holdTime || h.overdue(now) {
			t.forget(h)
		}
	}
}

// counts returns how many SYNs are held and how many connections are open.
func (t *heldSYNs) counts() (held, live int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.held), len(t.live)
}

// close takes no more SYNs and returns when every opened flow has ended; the
// context of start must be over.
func (t *heldSYNs) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.wg.Wait()
}
