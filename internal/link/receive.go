package link

import (
	"context"
	"errors"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// arrivedMax is how many datagrams are taken at a time: what the carrier keeps for us.
const arrivedMax = 128

// receiver is what runReceiver works with; nobody else touches it.
type receiver struct {
	l     *Link
	h     *Handler
	queue fairQueue
	free  []*entry // at most queueLen
	mark  uint64   // of the peer, to be answered when enough is done; 0 = none
	batch int      // datagrams of the oversize stream that wait: of one batch
}

func newReceiver(l *Link, h *Handler) *receiver {
	r := &receiver{l: l, h: h}
	r.queue.init()
	return r
}

// runReceiver is the goroutine that receives datagrams, and hands over those of the oversize stream.
//
// quic-go keeps 128 datagrams for us and drops the newest beyond, whoever it is of. Where many
// owners share the link and what a datagram asks for may take longer than the next one needs to
// arrive (a system call at the connector), they wait in a fair queue of our own instead: after each
// datagram that is handled everything that has arrived meanwhile is taken.
func (l *Link) runReceiver(ctx context.Context, h *Handler) error {
	r := newReceiver(l, h)
	for {
		wait, cancel := context.WithCancel(ctx)
		l.recvOver.wake.Store(&cancel)
		err := r.receive(wait)
		woken := wait.Err() != nil && errors.Is(err, context.Canceled)
		cancel()
		if ctx.Err() != nil || !woken {
			return err
		}
	}
}

// receive handles what arrives until an error, or until the oversize stream ends the wait.
func (r *receiver) receive(wait context.Context) error {
	for {
		if err := r.handleArrived(); err != nil {
			return err
		}
		d, err := r.l.carrier.ReceiveDatagram(wait)
		if err != nil {
			return err
		}
		r.take(d)
	}
}

// handleArrived handles all that has arrived. A batch of the oversize stream queues behind the
// datagrams that were there before it.
func (r *receiver) handleArrived() error {
	for {
		var batch []byte
		select {
		case batch = <-r.l.recvOver.arrived:
		default:
		}
		if err := r.takeArrived(); err != nil {
			return err
		}
		for range frames(batch) {
			r.batch++
		}
		for d := range frames(batch) {
			r.takeOne(d, true)
		}
		e := r.queue.peek()
		if e == nil && batch == nil {
			return nil
		}
		if e != nil {
			r.queue.pop(e)
			r.l.dispatch(e.d, r.h)
			r.give(e)
			r.answerMark()
		}
	}
}

// handled notes that a datagram of the batch is done with; after the last one its memory is the
// oversize stream's again.
func (r *receiver) handled() {
	if r.batch--; r.batch == 0 {
		r.l.recvOver.handled <- struct{}{}
	}
}

// takeArrived takes what has arrived, and does not wait for more.
func (r *receiver) takeArrived() error {
	for range arrivedMax {
		d, err := r.l.carrier.PollDatagram()
		if d == nil || err != nil {
			return err
		}
		r.take(d)
	}
	return nil
}

// take queues what d carries, or handles it at once where nobody has to share.
func (r *receiver) take(d []byte) {
	r.l.tally.consumed.Add(uint64(len(d)))
	n := 1
	switch {
	case len(d) > 0 && d[0] == byte(proto.TypeBatch):
		n = r.unpack(d[proto.BatchHeader:])
	case r.takeMark(d):
		return
	default:
		r.takeOne(d, false)
	}
	r.l.losses.in.note(n)
}

// unpack takes the datagrams of a batch, up to the first that is malformed, and returns how many.
func (r *receiver) unpack(rest []byte) (n int) {
	for len(rest) > 0 {
		d, next, err := proto.ParseBatch(rest)
		if err != nil {
			r.l.tally.ended(packet.Malformed)
			return n
		}
		r.takeOne(d, false)
		rest = next
		n++
	}
	return n
}

// takeOne takes a datagram that is no batch; over says that it lies in one of the oversize stream.
func (r *receiver) takeOne(d []byte, over bool) {
	r.l.tally.received.Add(1)
	if r.h.Owner == nil || len(d) == 0 || d[0] == byte(proto.TypeHeartbeat) {
		r.l.dispatch(d, r.h)
		if over {
			r.handled()
		}
		return
	}
	e := r.entry()
	e.d, e.over = d, over // the carrier has made it for us, or the oversize stream lends it
	if lost := r.queue.put(r.h.Owner(d), Interactive, e); lost != nil {
		r.l.tally.ended(packet.QueueFull)
		r.give(lost)
	}
}

// takeMark takes d where it is a mark of the peer, or the answer to one of ours.
func (r *receiver) takeMark(d []byte) bool {
	m, err := proto.ParseHeartbeat(d)
	switch {
	case err != nil || m.Nonce&markBit == 0:
		return false
	case m.Echo:
		r.l.window.pass(m.Nonce&^markBit, time.Now(), r.l.carrier.Stats().MinRTT)
	default:
		r.l.losses.in.take(m.Nonce &^ markBit)
		r.mark = m.Nonce
		r.answerMark()
	}
	return true
}

// answerMark answers the peer's newest mark, unless too much waits.
func (r *receiver) answerMark() {
	if r.mark != 0 && r.queue.waiting <= markBelow {
		r.l.window.reply(r.mark)
		r.mark = 0
	}
}

// entry returns an unused entry.
func (r *receiver) entry() *entry {
	if n := len(r.free); n > 0 {
		e := r.free[n-1]
		r.free = r.free[:n-1]
		return e
	}
	return newEntry(0)
}

func (r *receiver) give(e *entry) {
	if e.over {
		r.handled()
	}
	e.d, e.over = nil, false
	r.free = append(r.free, e)
}

// dispatch hands one datagram to whoever it is for.
func (l *Link) dispatch(d []byte, h *Handler) {
	switch {
	case len(d) == 0:
		l.tally.ended(packet.Malformed)
	case d[0] == byte(proto.TypeHeartbeat):
		l.tally.ended(l.receiveHeartbeat(d))
	case h.Datagram == nil:
		l.tally.ended(packet.UnknownType)
	default:
		l.tally.handled(h.Datagram(l, d))
	}
}
