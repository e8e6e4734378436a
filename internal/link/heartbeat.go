package link

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	beatEvery    = 2 * time.Second        // on a link in use
	beatSuspect  = 250 * time.Millisecond // once a padded one is missing
	beatNudge    = 50 * time.Millisecond  // while path MTU discovery runs: it needs traffic
	beatPatience = 500 * time.Millisecond // and four round trips, at least
	// maxLostBeats padded heartbeats in a row without an answer, while the peer is heard, are a black hole.
	maxLostBeats = 3
	// switchHoldOff is how long a new path is given before it is suspected in its turn.
	switchHoldOff = 5 * time.Second
)

// heartbeat watches whether full-size packets pass. quic-go never shrinks its
// packet size: when the path gets narrower and nobody says so, small packets
// keep the link alive while every flow hangs.
//
// The dialling side sends requests padded to the current datagram size, the
// accepting side echoes them at its own size: each direction is tested. Small
// requests, and everything else that is heard, show that the path as such is alive.
type heartbeat struct {
	mu       sync.Mutex
	nonce    uint64    // of the padded request that waits for its answer; 0 = none
	sentAt   time.Time // when that was sent
	lost     int       // padded requests in a row without an answer
	heard    uint64    // quic-go's count of packets received when the first lost one was sent
	activity uint64    // at the last tick
	holdOff  time.Time
	answered time.Time // when an answer came last

	own      atomic.Uint64 // heartbeats in Link.sent and Link.received
	switches atomic.Uint64
}

// errBlackHole ends a link whose path swallows full-size packets.
var errBlackHole = &CloseError{Code: proto.CodePathMTU, Text: "full-size packets no longer pass"}

// beatInterval is the time to the next tick.
func (l *Link) beatInterval() time.Duration {
	if _, settled := l.MaxDatagram(); !settled {
		return beatNudge
	}
	l.beat.mu.Lock()
	defer l.beat.mu.Unlock()
	switch {
	case l.beat.lost > 0:
		return beatSuspect
	case l.beat.nonce != 0:
		return l.beatPatience()
	}
	return beatEvery
}

// beatPatience is how long an answer may take.
func (l *Link) beatPatience() time.Duration {
	return max(beatPatience, 4*l.conn.ConnectionStats().SmoothedRTT)
}

// tickHeartbeat judges the last request and sends the next. It returns
// errBlackHole when the link cannot be saved.
func (l *Link) tickHeartbeat(ctx context.Context, now time.Time) error {
	if !l.inUse() {
		return nil
	}
	l.sendHeartbeat(proto.Heartbeat{Nonce: 1}, proto.HeartbeatSize)
	size, settled := l.MaxDatagram()
	if !l.dialled || !settled {
		return nil
	}
	if l.judge(now, size) {
		return l.leaveBlackHole(ctx)
	}
	return nil
}

// inUse says whether anything but heartbeats moved since the last call, or a
// flow is open, or something is unclear.
func (l *Link) inUse() bool {
	a := l.sent.Load() + l.received.Load() - l.beat.own.Load()
	l.beat.mu.Lock()
	defer l.beat.mu.Unlock()
	moved := a != l.beat.activity
	l.beat.activity = a
	_, settled := l.MaxDatagram()
	return moved || !settled || l.streams.Load() > 0 || l.beat.nonce != 0 || l.beat.lost > 0
}

// judge sends a padded request where none is under way, counts one that was
// not answered in time, and says whether the path is a black hole.
func (l *Link) judge(now time.Time, size int) bool {
	b := &l.beat
	b.mu.Lock()
	defer b.mu.Unlock()
	heard := l.conn.ConnectionStats().PacketsReceived
	if b.nonce != 0 {
		if now.Sub(b.sentAt) < l.beatPatience() && b.lost == 0 {
			return false
		}
		b.lost++
	}
	if b.lost == 0 {
		b.heard = heard
	}
	if b.lost >= maxLostBeats && heard > b.heard && size > mtuStart && now.After(b.holdOff) {
		b.lost, b.nonce = 0, 0
		b.holdOff = now.Add(switchHoldOff)
		return true
	}
	b.nonce, b.sentAt = uint64(proto.NewSessionID()), now
	l.sendHeartbeat(proto.Heartbeat{Nonce: b.nonce}, size)
	return false
}

// sendHeartbeat queues one. A full queue is a lost heartbeat, which is what it means.
func (l *Link) sendHeartbeat(h proto.Heartbeat, size int) {
	if l.send.put(Urgent, proto.AppendHeartbeat(make([]byte, 0, size), h, size)) == packet.OK {
		l.beat.own.Add(1)
	}
}

// receiveHeartbeat echoes a request, small as small, padded as padded to our
// own size, and takes an answer.
func (l *Link) receiveHeartbeat(d []byte) packet.Reason {
	l.beat.own.Add(1)
	h, err := proto.ParseHeartbeat(d)
	if err != nil {
		return packet.Malformed
	}
	if !h.Echo {
		size := proto.HeartbeatSize
		if len(d) > size {
			size = int(l.mtu.size.Load())
		}
		l.sendHeartbeat(proto.Heartbeat{Nonce: h.Nonce, Echo: true}, size)
		return packet.OK
	}
	b := &l.beat
	b.mu.Lock()
	defer b.mu.Unlock()
	b.answered = time.Now()
	if h.Nonce == b.nonce && b.nonce != 0 {
		b.nonce, b.lost = 0, 0
	}
	return packet.OK
}

// leaveBlackHole moves the connection to its spare path, where quic-go starts
// at the smallest packet size, in both directions. Flows go on.
func (l *Link) leaveBlackHole(ctx context.Context) error {
	l.counters.Count(packet.TooLarge)
	if err := l.switchPath(ctx); err != nil {
		l.log.Warn("full-size packets no longer pass, redialling", zapRemote(l), zapErr(err))
		return errors.Join(errBlackHole, err)
	}
	l.beat.switches.Add(1)
	l.learnMTU()
	l.log.Info("full-size packets no longer passed, moved to a new path", zapRemote(l))
	return nil
}
