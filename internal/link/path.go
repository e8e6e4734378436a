package link

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.uber.org/zap"
)

const (
	// probePatience is how long a new path may take to be validated.
	probePatience = time.Second
	// spareRest is when a spare path that could not be had is tried again, and how long after a switch the next one
	// is made: each path that the peer looks at takes one of quic-go's four connection ids, and the switch comes first.
	spareRest = 5 * time.Second
	// spareRestCap is the longest pause between attempts, each of which failed.
	spareRestCap = time.Minute
	// maxRetired bounds the sockets that a link has left behind: quic-go ends a connection with any of its transports.
	maxRetired = 8
)

// runSpare keeps a spare path ready on the dialling side: a second socket that
// the peer has validated already.
//
// It has to be ready beforehand: quic-go sends path probes only when its
// congestion window has room, and a flow that is stuck in a black hole has
// filled the window with packets that never arrive. The server side moves, and
// starts anew at the smallest packet size, only when the address changes: hence the second socket.
func (l *Link) runSpare(ctx context.Context) {
	if !l.dialled || l.cfg.Socket != nil {
		return
	}
	wait := time.NewTimer(0)
	defer wait.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.conn.Context().Done():
			return
		case <-wait.C:
		}
		wait.Reset(spareRest)
		l.trySpare(ctx)
	}
}

// trySpare makes a spare path where there is none and it is time to.
func (l *Link) trySpare(ctx context.Context) {
	if !l.wantsSpare() {
		return
	}
	if err := l.armSpare(ctx); err != nil && ctx.Err() == nil {
		l.spareFailed(time.Now())
		l.log.Debug("no spare path", zap.Error(err))
	}
}

func (l *Link) hasSpare() bool {
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	return l.spare != nil || l.gone
}

func (l *Link) wantsSpare() bool {
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	return l.spare == nil && !l.gone && len(l.retired) < maxRetired && !time.Now().Before(l.spareAfter)
}

// spareWorked says when the next spare path may be made after one has been used. The caller holds pathMu.
func (l *Link) spareWorked(now time.Time) {
	l.spareAfter, l.sparePause = now.Add(spareRest), 0
}

// spareFailed doubles the pause before the next attempt: many a firewall never lets a second flow through.
func (l *Link) spareFailed(now time.Time) {
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	l.sparePause = min(max(2*l.sparePause, spareRest), spareRestCap)
	l.spareAfter = now.Add(l.sparePause)
}

// armSpare has the peer validate a second socket.
func (l *Link) armSpare(ctx context.Context) error {
	local, err := l.takeUnheard(ctx)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 4*probePatience)
	defer cancel()
	p, err := l.conn.AddPath(local.tr)
	if err == nil {
		err = p.Probe(ctx)
	}
	if err != nil {
		if p != nil {
			_ = p.Close() // gives its connection id back
		}
		l.keepUnheard(local)
		return fmt.Errorf("probe path: %w", err)
	}
	l.pathMu.Lock()
	if !l.gone && l.spare == nil {
		local.path = p
		l.spare = local
		l.pathMu.Unlock()
		return nil
	}
	gone := l.gone
	l.pathMu.Unlock()
	l.keepUnheard(local)
	if gone {
		return ErrClosed
	}
	return p.Close() // somebody else was faster
}

// takeUnheard returns a socket toward the peer: the one that was of no use last time, or a new one.
func (l *Link) takeUnheard(ctx context.Context) (*localPath, error) {
	l.pathMu.Lock()
	local := l.unheard
	l.unheard = nil
	l.pathMu.Unlock()
	if local != nil {
		return local, nil
	}
	return openPath(ctx, l.Remote(), l.cfg)
}

// keepUnheard keeps a socket on which the peer was not heard, for the next
// attempt. It must not be closed before the connection has ended: quic-go ends a
// connection with any transport that it has probed, however well the others do.
func (l *Link) keepUnheard(local *localPath) {
	l.pathMu.Lock()
	gone := l.gone
	switch {
	case gone:
	case l.unheard == nil:
		l.unheard = local
	default: // both attempts of two goroutines: rare, and bounded by them
		l.retired = append(l.retired, local)
	}
	l.pathMu.Unlock()
	if gone {
		local.close()
	}
}

// switchPath moves the connection to the spare path, or to one that is made
// now, and retires the socket in use.
func (l *Link) switchPath(ctx context.Context) error {
	if l.cfg.Socket != nil {
		return errors.New("switch path: no second socket")
	}
	if !l.hasSpare() {
		ctx, cancel := context.WithTimeout(ctx, probePatience)
		defer cancel()
		if err := l.armSpare(ctx); err != nil {
			return err
		}
	}
	l.pathMu.Lock()
	defer l.pathMu.Unlock()
	if l.gone || l.spare == nil {
		return ErrClosed
	}
	if len(l.retired) >= maxRetired {
		return fmt.Errorf("switch path: done %d times on this link", maxRetired)
	}
	if err := l.use(l.spare); err != nil {
		return err
	}
	l.spare = nil
	return nil
}

// use switches to a path that the peer has validated. The caller holds pathMu.
func (l *Link) use(p *localPath) error {
	if err := p.path.Switch(); err != nil {
		return fmt.Errorf("switch path: %w", err)
	}
	l.retired = append(l.retired, l.path)
	l.path = p
	l.spareWorked(time.Now())
	return nil
}
