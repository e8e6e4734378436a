package link

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
)

const (
	// markBit tells the nonce of a mark from that of another heartbeat.
	markBit = 1 << 63
	// markEvery is how many datagrams there are to a mark.
	markEvery = 32
	// leastWindow leaves room in the 128 places of the peer's quic-go for what is not counted:
	// heartbeats, marks.
	leastWindow = 96
	// leastRate and mostRate bound a window on a longer path, in datagrams more for each
	// millisecond of round trip: 16,000 a second go whatever the answers look like.
	leastRate = 16
	mostRate  = 64
	// smallShare: as many small datagrams of a batch count as one datagram more.
	smallShare = 8
	// markPatience is how long a full window waits for marks that may be lost, or four round trips.
	markPatience = 200 * time.Millisecond
	// markBelow is how many datagrams may wait for a peer's handler when it answers a mark.
	markBelow = 128
)

// window keeps a sender from sending more than its peer takes. quic-go acknowledges what it has
// decrypted and then drops, unseen and whoever it is of, all but 128 datagrams that the application
// has not fetched; so what is too much must wait where it is shared fairly: in the sender's queue.
//
// Each markEvery datagrams the sender sends a mark: a small heartbeat whose nonce is the number
// sent so far. The peer answers it, like any heartbeat, when it has fetched what came before, and
// not while too much waits for its handler. No more than the window is sent beyond the newest mark
// that was answered. On a short path the window is what quic-go holds. On a longer one, where most
// of it is under way and waits nowhere, it doubles while answers come within about a round trip
// although it is full, and halves when they take much longer. Datagrams that are lost are behind
// the next mark, too. A peer that has never answered a mark is sent everything, and one that no
// longer does a window each markPatience.
type window struct {
	mu     sync.Mutex
	sent   uint64 // datagrams so far; see smallShare
	marked uint64 // the newest mark
	passed uint64 // the newest mark that was answered; 0 = none ever
	size   uint64
	filled bool      // since timed was sent
	timed  uint64    // the mark whose answer is timed; 0 = none
	at     time.Time // when it was sent

	opened chan struct{}
	due    chan struct{} // there is an answer to send
	answer atomic.Uint64 // the peer's mark to be answered; 0 = none
	asked  atomic.Bool   // a mark is to be sent, however few datagrams there were
}

func (w *window) init() {
	w.size = leastWindow
	w.opened, w.due = make(chan struct{}, 1), make(chan struct{}, 1)
}

// wake signals c, whose receiver looks at everything.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// begin returns the first mark: the answer says that the peer answers marks.
func (w *window) begin() (mark uint64) { return w.note(markEvery * smallShare) }

// note counts a datagram that carries n, and returns the mark that is due, 0 for none.
func (w *window) note(n int) (mark uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sent += measure(n)
	if w.sent-w.marked < markEvery {
		return 0
	}
	w.marked = w.sent
	if w.timed == 0 {
		w.timed, w.at, w.filled = w.marked, time.Now(), false
	}
	return w.marked
}

// measure is what a datagram that carries n counts.
func measure(n int) uint64 { return 1 + uint64(n)/smallShare }

// askMark has the next mark sent now.
func (w *window) askMark() {
	w.asked.Store(true)
	wake(w.due)
}

// early returns the mark that was asked for, 0 for none. Where nothing was sent since the last one
// it is that one again, which may have been lost.
func (w *window) early() uint64 {
	if !w.asked.Load() || !w.asked.Swap(false) {
		return 0
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.marked = w.sent
	return w.marked
}

// full says whether the peer has to answer a mark first.
func (w *window) full() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	full := w.passed != 0 && w.sent >= w.passed+w.size
	w.filled = w.filled || full
	return full
}

// pass takes the answer to a mark. rtt is the least round trip of the path.
func (w *window) pass(mark uint64, now time.Time, rtt time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if mark > w.marked {
		return // the peer makes it up
	}
	if w.timed != 0 && mark >= w.timed {
		w.resize(now.Sub(w.at), rtt)
		w.timed = 0
	}
	w.passed = max(w.passed, mark)
	wake(w.opened)
}

// resize follows a mark that was answered after took; w.mu is held.
func (w *window) resize(took, rtt time.Duration) {
	switch {
	case took > 4*rtt+5*time.Millisecond:
		w.size /= 2
	case w.filled && took < 2*rtt:
		w.size *= 2
	}
	ms := uint64(rtt / time.Millisecond)
	w.size = min(max(w.size, leastWindow+leastRate*ms), leastWindow+mostRate*ms)
}

// giveUp takes all marks for answered.
func (w *window) giveUp() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.passed, w.timed = w.sent, 0
}

// reply has the peer's mark answered.
func (w *window) reply(mark uint64) {
	w.answer.Store(mark)
	wake(w.due)
}

// sendDue sends the answer that is due, if one is, and the mark, if it is not 0 or one was asked for.
func (l *Link) sendDue(mark uint64) error {
	var b [smallBeat]byte
	if answer := l.window.answer.Swap(0); answer != 0 {
		if err := l.carrier.SendDatagram(proto.AppendHeartbeat(b[:0], proto.Heartbeat{Nonce: answer, Echo: true}, smallBeat)); err != nil {
			return err
		}
	}
	if mark = max(mark, l.window.early()); mark == 0 {
		return nil
	}
	return l.carrier.SendDatagram(proto.AppendHeartbeat(b[:0], proto.Heartbeat{Nonce: markBit | mark}, smallBeat))
}

// awaitWindow waits until the window is no longer full, and answers the peer's marks meanwhile.
func (l *Link) awaitWindow(ctx context.Context, patience *time.Timer) error {
	if !l.window.full() {
		return nil
	}
	patience.Reset(max(markPatience, 4*l.carrier.Stats().RTT))
	defer patience.Stop()
	for l.window.full() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.Done():
			return l.carrier.Err()
		case <-l.window.opened:
		case <-l.window.due:
			if err := l.sendDue(0); err != nil {
				return err
			}
		case <-patience.C:
			l.window.giveUp()
		}
	}
	return nil
}
