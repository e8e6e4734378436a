package link

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	beatEvery = 2 * time.Second        // between padded heartbeats on a link in use
	aliveUsed = time.Second            // between small ones on a link in use; the keep-alive period on an idle one
	tickUsed  = 250 * time.Millisecond // while in use: look at quic-go's packet size, and repeat a padded heartbeat that is missing
	tickNudge = 50 * time.Millisecond  // while path MTU discovery runs: it advances with traffic only
	// beatPatience is how long an answer may take, or four round trips.
	beatPatience = 500 * time.Millisecond
	// suspectLost padded heartbeats in a row without an answer, while small ones pass or nothing
	// else moves, are a black hole.
	suspectLost = 3
	// certainLost are one whatever else moves: a path may be narrow in one direction only.
	certainLost = 16
	// quietBytes is what a stuck link still moves in the meantime: probes, acknowledgements,
	// keep-alives.
	quietBytes = 128 << 10
	// switchHoldOff is how long a new path is given before it is suspected in its turn.
	switchHoldOff = 5 * time.Second
	// switchPatience is how long a new path may take to answer before the link is given up.
	switchPatience = 2 * time.Second
	// silentAfter is how long nothing is heard, whatever was asked, before a link in use is given
	// up; QUIC's own idle time-out is longer where the keep-alive period is.
	silentAfter = 5 * time.Second
	silentAsked = 3
	// deadAfter is how long nothing is heard before the accepting side gives a link up, whatever
	// idle time-out the dialling side chose: path.Listener asks three times in it.
	deadAfter = 15 * time.Second
	// smallBeat is the size of a heartbeat that is not padded: the least that a restarted edge
	// answers with a stateless reset, which has to be smaller than what it answers (RFC 9000
	// §10.3.3), and some more. A QUIC ping is too small.
	smallBeat = 40
)

// heartbeat watches whether full-size packets pass. quic-go never shrinks its
// packet size: when the path gets narrower and nobody says so, small packets
// keep the link alive while every flow hangs.
//
// The dialling side sends requests padded to the current datagram size, the
// accepting side echoes them at its own size: each direction is tested. Small
// requests, and whatever else is heard, show that the path as such is alive;
// while a flow is stuck, quic-go fills its few packets up with the flow's data,
// so that small datagrams do not pass either.
type heartbeat struct {
	mu       sync.Mutex
	seq      uint64    // nonce of the newest padded request
	first    uint64    // nonce of the oldest one that waits for its answer; 0 = none
	sentAt   time.Time // when the newest was sent
	firstAt  time.Time // when first was sent
	lost     int       // padded requests in a row without an answer
	since    CarrierStats
	small    bool   // a small one was answered since the first loss
	activity uint64 // at the last tick
	next     time.Time
	holdOff  time.Time
	aliveAt  time.Time // when the newest small one was
	packets  uint64    // quic-go's count of packets received, at
	heardAt  time.Time // this time
	asked    int       // small ones since then
	proveBy  time.Time // a new path must have answered; zero = it has
	moved    uint64    // nonce of what is asked from another network; 0 = it was answered
	retry    retry     // until then

	own      atomic.Uint64 // heartbeats in Link.sent and Link.received
	switches atomic.Uint64
}

// smallNonce marks requests that are not padded.
const smallNonce = 0

// errSilent ends a link on which nothing is heard.
var errSilent = &CloseError{Code: proto.CodeTimeout, Text: "nothing heard for 5 s"}

// errDead is errSilent of the accepting side.
var errDead = &CloseError{Code: proto.CodeTimeout, Text: "nothing heard for 15 s"}

// errBlackHole ends a link whose path swallows full-size packets.
var errBlackHole = &CloseError{Code: proto.CodePathMTU, Text: "full-size packets no longer pass"}

// errUnheard ends a link on whose new path nothing of ours has arrived, small packets neither.
var errUnheard = &CloseError{Code: proto.CodeTimeout, Text: "the peer is heard, and does not hear us"}

// tickInterval is the time to the next tick.
func (l *Link) tickInterval(used bool) time.Duration {
	if _, settled := l.MaxDatagram(); !settled {
		return tickNudge
	}
	if used {
		return tickUsed
	}
	return min(beatEvery, l.keepAlive)
}

// tickHeartbeat looks after the path. It returns errBlackHole when the link cannot be saved.
func (l *Link) tickHeartbeat(ctx context.Context, now time.Time, used bool) error {
	l.carrier.Measure()
	l.width.see(l.carrier.PathMTU(), l.carrier.Settled(), now)
	if !l.dialled && l.beat.dead(now, l.carrier.Stats().PacketsReceived) {
		return errDead
	}
	l.retryMove(now)
	size, settled := l.MaxDatagram()
	switch {
	case !settled:
		l.sendSmall()
		return l.beat.proven(now)
	case !l.dialled:
		return nil
	}
	if err := l.tickAlive(now, used); err != nil || !used {
		return err
	}
	switch l.beat.judge(now, l.carrier.Stats()) {
	case send:
		l.sendSmall()
		l.sendHeartbeat(proto.Heartbeat{Nonce: l.beat.request(now)}, size)
	case leave:
		if size > l.carrier.LeastDatagram() { // a new path starts with less: worth a try
			return l.leaveBlackHole(ctx, now)
		}
	}
	return nil
}

// tickAlive sends a small heartbeat when it is due and fails when nothing at all has been heard
// after several.
func (l *Link) tickAlive(now time.Time, used bool) error {
	every := l.keepAlive
	if used {
		every = min(every, aliveUsed)
	}
	due, err := l.beat.alive(now, l.carrier.Stats().PacketsReceived, used, every)
	if due {
		l.sendSmall()
	}
	return err
}

// dead says whether nothing has been heard for deadAfter. packets is how many have been received.
func (b *heartbeat) dead(now time.Time, packets uint64) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if packets != b.packets || b.heardAt.IsZero() {
		b.packets, b.heardAt = packets, now
	}
	return now.Sub(b.heardAt) >= deadAfter
}

// alive says whether a small heartbeat is due, of which there is one in every, and fails when
// nothing has been heard after several on a link in use. packets is how many have been received.
func (b *heartbeat) alive(now time.Time, packets uint64, used bool, every time.Duration) (due bool, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if packets != b.packets {
		b.packets, b.heardAt, b.asked = packets, now, 0
	}
	if used && b.asked >= silentAsked && now.Sub(b.heardAt) >= silentAfter {
		return false, errSilent
	}
	if now.Sub(b.aliveAt) < every {
		return false, nil
	}
	b.aliveAt = now
	b.asked++
	return true, nil
}

// inUse says whether anything but heartbeats moved since the last call, a
// flow is open, or an answer is missing.
func (l *Link) inUse() bool {
	moved, waits := l.beat.look(l.moved())
	return moved || waits || l.streams.open.Load() > 0
}

// look says whether anything has moved since the last call, and whether an answer is missing.
func (b *heartbeat) look(activity uint64) (moved, waits bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	moved = activity != b.activity
	b.activity = activity
	return moved, b.first != 0
}

// moved counts the datagrams of both directions that are not heartbeats.
func (l *Link) moved() uint64 {
	return l.tally.sent.Load() + l.tally.received.Load() - l.beat.own.Load()
}

// move is what judge wants done.
type move int

const (
	wait move = iota
	send
	leave
)

// judge looks at the newest padded request.
func (b *heartbeat) judge(now time.Time, stats CarrierStats) move {
	b.mu.Lock()
	defer b.mu.Unlock()
	patience := max(beatPatience, 4*stats.RTT)
	switch {
	case b.first == 0: // all is well
		if now.Before(b.next) {
			return wait
		}
		b.since, b.small, b.lost = stats, false, 0
		return send
	case b.lost == 0 && now.Sub(b.sentAt) < patience, b.lost > 0 && now.Sub(b.sentAt) < patience/2:
		return wait
	}
	b.lost++
	heard := stats.PacketsReceived > b.since.PacketsReceived
	quiet := stats.BytesSent-b.since.BytesSent+stats.BytesReceived-b.since.BytesReceived < quietBytes
	if heard && !now.Before(b.holdOff) && (b.lost >= suspectLost && (b.small || quiet) || b.lost >= certainLost) {
		b.lost, b.first = 0, 0
		b.holdOff = now.Add(switchHoldOff)
		b.next = now.Add(beatEvery)
		return leave
	}
	return send
}

// request returns the nonce of the padded request that is sent now.
func (b *heartbeat) request(now time.Time) uint64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.seq++
	if b.first == 0 {
		b.first, b.firstAt = b.seq, now
	}
	b.sentAt, b.next = now, now.Add(beatEvery)
	return b.seq
}

// answer takes an answer.
func (b *heartbeat) answer(h proto.Heartbeat) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proveBy = time.Time{}
	switch {
	case h.Nonce == smallNonce:
		b.small = true
	case h.Nonce == b.moved:
		b.small, b.moved = true, 0
	case b.first != 0 && h.Nonce >= b.first:
		b.first, b.lost = 0, 0
	}
}

// unanswered says for how long full-size packets have not been answered; 0 where the newest has
// its time still.
func (b *heartbeat) unanswered(now time.Time) time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.first == 0 || b.lost == 0 {
		return 0
	}
	return now.Sub(b.firstAt)
}

// forget begins anew on another network: what was not answered says nothing about this one. packets
// is how many have been received.
func (b *heartbeat) forget(now time.Time, packets uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.first, b.lost, b.proveBy = 0, 0, time.Time{}
	b.holdOff, b.next = now.Add(switchHoldOff), now.Add(beatEvery)
	b.heardAt, b.asked = now, 0
	b.seq++
	b.moved, b.retry = b.seq, retry{}
	b.retry.done(now, packets)
}

// switched gives a new path until by to answer.
func (b *heartbeat) switched(by time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.proveBy = by
	b.switches.Add(1)
}

// proven fails when a new path has not answered in time, although it begins with small packets.
func (b *heartbeat) proven(now time.Time) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.proveBy.IsZero() && now.After(b.proveBy) {
		return errUnheard
	}
	return nil
}

// sendHeartbeat queues one. A full queue is a lost heartbeat, which is what it means.
func (l *Link) sendHeartbeat(h proto.Heartbeat, size int) {
	if l.Send(Urgent, proto.AppendHeartbeat(make([]byte, 0, size), h, size)) == packet.OK {
		l.beat.own.Add(1)
	}
}

// receiveHeartbeat echoes a request, small as small, padded as padded to our
// own size, and takes an answer.
func (l *Link) receiveHeartbeat(d []byte) packet.Reason {
	l.beat.own.Add(1)
	h, err := proto.ParseHeartbeat(d)
	switch {
	case err != nil:
		return packet.Malformed
	case h.Echo:
		l.beat.answer(h)
		return packet.OK
	}
	size := smallBeat
	if len(d) > size {
		size = l.carrier.MaxDatagram()
	}
	l.sendHeartbeat(proto.Heartbeat{Nonce: h.Nonce, Echo: true}, size)
	return packet.OK
}

// leaveBlackHole moves the connection to its spare path, where quic-go starts
// at the smallest packet size, in both directions. Flows go on.
func (l *Link) leaveBlackHole(ctx context.Context, now time.Time) error {
	if err := l.carrier.Switch(ctx); err != nil {
		l.log.Warn("full-size packets no longer pass", zap.Stringer("remote", l.Remote()), zap.Error(err))
		return errors.Join(errBlackHole, err)
	}
	l.beat.switched(now.Add(switchPatience + 4*l.carrier.Stats().RTT))
	l.log.Info("full-size packets no longer passed, moved to a new path", zap.Stringer("remote", l.Remote()))
	return nil
}
