package link

import (
	"time"

	"github.com/oneping/oneping/proto"
)

// retryFirst is how long a path in another network has to answer before the link begins anew on it.
// Each wait is twice as long as the one before, but what is heard meanwhile ends it after as long.
const retryFirst = 250 * time.Millisecond

// retry says when a link begins anew on the path that its move to another network has led to.
//
// The peer goes on sending to the old place, acknowledgements included, until it has asked at the
// new one whether we are there (RFC 9000 §8.2). Our answer waits for room in quic-go's congestion
// window, which a link in use has filled by then where the way is long or a machine is busy: nobody
// says a word until quic-go sends a probe. After a while without any network that takes longer than
// the link lives: each probe that was lost has doubled the time to the next, and a move does not
// change that. To begin anew empties the window, and our answer is the first to go.
type retry struct {
	at      time.Time     // when it was done last
	wait    time.Duration // then
	packets uint64        // received by then
}

// due says whether it is time to. packets is how many have been received.
func (r *retry) due(now time.Time, packets uint64) bool {
	wait := r.wait
	if packets != r.packets { // the peer asks, perhaps
		wait = retryFirst
	}
	return now.Sub(r.at) >= wait
}

// done notes that it has been done.
func (r *retry) done(now time.Time, packets uint64) {
	r.at, r.wait, r.packets = now, max(2*r.wait, retryFirst), packets
}

// retryMove begins anew where the peer has not answered yet from where the link has moved to.
func (l *Link) retryMove(now time.Time) {
	if l.dialled && l.beat.retryMove(now, l.carrier.Stats().PacketsReceived) {
		l.carrier.Again()
		l.sendSmall()
	}
}

// retryMove says whether it is time to begin anew. packets is how many have been received.
func (b *heartbeat) retryMove(now time.Time, packets uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.moved == 0 || !b.retry.due(now, packets) {
		return false
	}
	b.retry.done(now, packets)
	return true
}

// sendSmall queues a heartbeat that is not padded.
func (l *Link) sendSmall() {
	l.beat.mu.Lock()
	nonce := l.beat.moved // smallNonce where the link has not moved
	l.beat.mu.Unlock()
	l.sendHeartbeat(proto.Heartbeat{Nonce: nonce}, smallBeat)
}
