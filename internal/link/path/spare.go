package path

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
)

const (
	// probePatience is how long a new path may take to be validated.
	probePatience = time.Second
	// spareRest is when a spare path that could not be had is tried again, and how long after a
	// switch the next one is made: each path that the peer looks at takes one of quic-go's four
	// connection ids, and the switch comes first.
	spareRest = 5 * time.Second
	// spareRestCap is the longest pause between attempts, each of which failed.
	spareRestCap = time.Minute
)

// keepSpare keeps a spare path ready on the dialling side: a second socket that
// the peer has validated already.
//
// It has to be ready beforehand: quic-go sends path probes only when its
// congestion window has room, and a flow that is stuck in a black hole has
// filled the window with packets that never arrive. The server side moves, and
// starts anew at the smallest packet size, only when the address changes: hence the second socket.
func (ps *paths) keepSpare(ctx context.Context) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ps.quic.Context().Done():
			return
		case <-wait.C:
		}
		wait.Reset(spareRest)
		ps.trySpare(ctx)
	}
}

// trySpare makes a spare path where there is none and it is time to.
func (ps *paths) trySpare(ctx context.Context) {
	if !ps.wantsSpare() {
		return
	}
	if err := ps.armSpare(ctx); err != nil && ctx.Err() == nil {
		ps.spareFailed(time.Now())
		ps.log.Debug("no spare path", zap.Error(err))
	}
}

func (ps *paths) hasSpare() bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.spare != nil || ps.gone
}

func (ps *paths) wantsSpare() bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return ps.spare == nil && !ps.gone && len(ps.retired) < maxRetired && !time.Now().Before(ps.spareAfter)
}

// spareWorked says when the next spare path may be made after one has been used. The caller holds
// mu.
func (ps *paths) spareWorked(now time.Time) {
	ps.spareAfter, ps.sparePause = now.Add(spareRest), 0
}

// spareFailed doubles the pause before the next attempt: many a firewall never lets a second flow
// through.
func (ps *paths) spareFailed(now time.Time) {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	ps.sparePause = min(max(2*ps.sparePause, spareRest), spareRestCap)
	ps.spareAfter = now.Add(ps.sparePause)
}

// armSpare has the peer validate a second socket.
func (ps *paths) armSpare(ctx context.Context) error {
	local, err := ps.takeUnheard(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 4*probePatience)
	defer cancel()
	p, err := ps.quic.AddPath(local.tr)
	if err == nil {
		err = p.Probe(ctx)
	}
	if err != nil {
		if p != nil {
			_ = p.Close() // gives its connection id back
		}
		ps.keepUnheard(local)
		return fmt.Errorf("probe path: %w", err)
	}
	ps.mu.Lock()
	if !ps.gone && ps.spare == nil {
		local.path = p
		ps.spare = local
		ps.mu.Unlock()
		return nil
	}
	gone := ps.gone
	ps.mu.Unlock()
	ps.keepUnheard(local)
	if gone {
		return link.ErrClosed
	}
	return p.Close() // somebody else was faster
}

// takeUnheard returns a socket toward the peer: the one that was of no use last time, or a new one.
func (ps *paths) takeUnheard(ctx context.Context) (*localPath, error) {
	ps.mu.Lock()
	local := ps.unheard
	ps.unheard = nil
	ps.mu.Unlock()
	if local != nil {
		return local, nil
	}
	return openPath(ctx, ps.net, ps.remote)
}

// keepUnheard keeps a socket on which the peer was not heard, for the next
// attempt. It must not be closed before the connection has ended: quic-go ends a
// connection with any transport that it has probed, however well the others do.
func (ps *paths) keepUnheard(local *localPath) {
	ps.mu.Lock()
	gone := ps.gone
	switch {
	case gone:
	case ps.unheard == nil:
		ps.unheard = local
	default: // both attempts of two goroutines: rare, and bounded by them
		ps.retired = append(ps.retired, local)
	}
	ps.mu.Unlock()
	if gone {
		local.close()
	}
}
