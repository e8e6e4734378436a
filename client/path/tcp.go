package path

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// maxHeld is half of what the edge grants a device: the other half is left for connections.
	maxHeld = 2048
	// holdTime is a little more than Linux retransmits a SYN (tcp_syn_retries 6: 127 s).
	holdTime = 130 * time.Second
	// loneTime is how long a SYN without a next copy is held: the first interval is at most 3 s, and
	// traceroute waits 5 s for the answer to its only one.
	loneTime = 6 * time.Second
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
	live   *liveConn          // what it has become; nil before
}

// heldSYNs holds the SYNs of the host in front of the stack until the
// connector has connected to the origin. Safe for concurrent use.
type heldSYNs struct {
	wg sync.WaitGroup // of openings

	// mu guards what follows, and the fields of each heldSYN and liveConn.
	mu     sync.Mutex
	held   *table.Table[tuple, netip.Addr, *heldSYN] // shared between destinations
	closed bool
	live   map[tuple]*liveConn                     // connections whose SYN went to the stack
	over   *table.Table[tuple, struct{}, struct{}] // those that have ended lately
	pushed packet.Reason                           // why the last to leave held or over left early; OK: none did
}

// newHeldSYNs returns an empty table for max SYNs. In a full one the SYN that has been repeated
// least lately makes room, of the destination that has most of them: a scan, whose SYNs wait in
// vain, keeps no connection of the same host out.
func newHeldSYNs(max int) *heldSYNs {
	t := &heldSYNs{live: make(map[tuple]*liveConn)}
	t.held = table.New[tuple, netip.Addr](table.Config[tuple, *heldSYN]{Max: max, Tentative: true, OnEvict: t.unheld})
	t.over = table.New[tuple, struct{}](table.Config[tuple, struct{}]{Max: maxOver, Tentative: true, OnEvict: t.leftOver})
	return t
}

// out decides about a TCP segment of the host. It goes to the stack, is held,
// with or without a flow to open, or ends here.
func (t *heldSYNs) out(p *packet.Packet, now time.Time, up bool) outcome {
	key := tuple{p.SrcAddrPort(), p.DstAddrPort()}
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.live[key]; c != nil {
		if !c.begunAnew(p) {
			return c.segment(p, now)
		}
		delete(t.live, key) // its two ends are being told
	}
	if !p.TransportOK() { // else the origin would be asked for a SYN that it would not have taken
		return outcome{reason: packet.Malformed}
	}
	h, _ := t.held.Get(key)
	if !p.IsSYN() {
		if o, done := t.stray(key, h, p); done {
			return o
		}
	}
	if !up {
		return outcome{reason: packet.LinkDown}
	}
	if p.IsSYN() && p.Signed() { // with other addresses than those of the connector's socket
		return outcome{reason: packet.Unsupported}
	}
	if h != nil && h.renew(p, now) {
		t.held.SetIdle(now, key, h.patience(now))
		return outcome{}
	}
	var also packet.Reason
	if h != nil {
		t.forget(h)
		also = packet.Superseded
	}
	o := t.hold(key, p, now)
	if also != packet.OK {
		o.also = also
	}
	return o
}

// patience is how long h waits for its next copy: the host would have sent it by then if it still
// waited, as intervals double. The connector stops dialling once the application has given up.
func (h *heldSYN) patience(now time.Time) time.Duration {
	overdue := (2*h.last.Sub(h.since) + loneTime).Round(100*time.Millisecond) + time.Millisecond
	return min(overdue, holdTime-now.Sub(h.since))
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
	h := &heldSYN{
		key:    key,
		header: proto.FlowHeader{Flow: proto.NewFlowID(), Src: key.src, Dst: key.dst, TTL: p.TTL, Class: p.TOS},
		stray:  !p.IsSYN(),
		isn:    p.TCPSeq(),
		syn:    append([]byte(nil), p.Raw...),
		since:  now,
		last:   now,
	}
	t.pushed = packet.OK
	if r := t.held.Add(now, key, key.dst.Addr(), h, h.patience(now)); r != packet.OK {
		return outcome{reason: r}
	}
	return outcome{open: h, also: t.pushed}
}

// unheld ends the opening of a SYN that has left the table (table.Config.OnEvict). The caller holds
// the lock.
func (t *heldSYNs) unheld(_ tuple, h *heldSYN, why packet.Reason) {
	if why == packet.Superseded {
		t.pushed = why
	}
	h.giveUp()
}

// giveUp resets the flow of h, so that the connector stops dialling.
func (h *heldSYN) giveUp() {
	if h.cancel != nil {
		h.cancel()
	}
}

// holds says whether h is still held. The caller holds the lock.
func (t *heldSYNs) holds(h *heldSYN) bool {
	have, ok := t.held.Get(h.key)
	return ok && have == h
}

// forget takes h out of the table. The caller holds the lock.
func (t *heldSYNs) forget(h *heldSYN) {
	if t.holds(h) {
		t.held.Delete(h.key)
	}
	h.giveUp()
}

// start runs the opening of h's flow in a goroutine of its own, with a context
// that ends when h is forgotten, unless it is forgotten already.
func (t *heldSYNs) start(ctx context.Context, h *heldSYN, run func(context.Context, *heldSYN)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || !t.holds(h) {
		return
	}
	ctx, cancel := context.WithCancel(ctx)
	h.cancel = cancel
	t.wg.Go(func() {
		defer cancel()
		run(ctx, h)
	})
}

// expire forgets SYNs that the host no longer sends, and connections that ended
// long enough ago.
func (t *heldSYNs) expire(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over.Expire(now)
	t.held.Expire(now)
}

// counts returns how many SYNs are held and how many connections are open.
func (t *heldSYNs) counts() (held, live int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held.Len(), len(t.live)
}

// close takes no more SYNs and returns when every opened flow has ended; the
// context of start must be over.
func (t *heldSYNs) close() {
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.wg.Wait()
}
