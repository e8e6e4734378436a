package link

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
)

// Run moves everything until ctx or the link ends, then closes the link and
// its sockets and joins every goroutine that it started, handlers included. It
// returns why, never nil: *CloseError where a side closed the link with a code.
func (l *Link) Run(ctx context.Context, h Handler) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	spawn := func(f func()) { wg.Go(f) }
	start := func(f func() error) { wg.Go(func() { cancel(f()) }) }

	start(func() error { return l.runSender(ctx) })
	start(func() error { return l.runOversize(ctx) })
	start(func() error { return l.runReceiver(ctx, &h) })
	start(func() error { return l.runControl(ctx, &h, spawn) })
	start(func() error { return l.runAccept(ctx, &h, spawn) })
	start(func() error { return l.runAcceptUni(ctx, spawn) })
	start(func() error { return l.runTicks(ctx) })
	spawn(func() { l.carrier.Keep(ctx) })

	select {
	case <-ctx.Done():
	case <-l.Done():
		cancel(l.carrier.Err())
	}
	if l.carrier.Context().Err() == nil {
		_ = l.CloseFor(ctx)
	}
	wg.Wait()
	l.carrier.Release()
	if err := context.Cause(ctx); errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("run link: %w", err)
	}
	return l.carrier.Err()
}

// endCode is what the peer is told when this side's context ends.
func endCode(ctx context.Context) (proto.Code, string) {
	err := context.Cause(ctx)
	if e, ok := errors.AsType[*CloseError](err); ok {
		return e.Code, e.Text
	}
	if err == nil || errors.Is(err, context.Canceled) {
		return proto.CodeOK, "shutting down"
	}
	return proto.CodeInternal, err.Error()
}

// runTicks is the goroutine of everything that happens by the clock: reports,
// heartbeats, path MTU.
func (l *Link) runTicks(ctx context.Context) error {
	report := time.NewTicker(reportEvery)
	defer report.Stop()
	tick := time.NewTimer(tickNudge)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-l.Done():
			return l.carrier.Err()
		case <-report.C:
			l.losses.sample()
			l.sendReport()
		case <-tick.C:
			used := l.inUse()
			if err := l.tickHeartbeat(ctx, time.Now(), used); err != nil {
				return err
			}
			tick.Reset(l.tickInterval(used))
		}
	}
}
