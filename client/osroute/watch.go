package osroute

import (
	"context"
	"time"
)

// settleTime is how long Watch collects changes before it reports them: a network change is a
// burst of messages.
const settleTime = 50 * time.Millisecond

// watch calls changed once and after each burst of events until ctx ends, and returns its error,
// or that of next. next waits for an event and tells whether it matters; it is called by one
// goroutine, which stop ends by making it fail.
func watch(ctx context.Context, changed func(), stop func() error, next func() (bool, error)) error {
	ctx, cancel := context.WithCancelCause(ctx)
	events := make(chan struct{}, 1)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		cancel(listen(events, next))
	}()
	changed()
	for settled(ctx, events) {
		changed()
	}
	_ = stop()
	<-ended
	return context.Cause(ctx)
}

// settled waits for the end of a burst; false when ctx ended first.
func settled(ctx context.Context, events <-chan struct{}) bool {
	select {
	case <-ctx.Done():
		return false
	case <-events:
	}
	timer := time.NewTimer(settleTime)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
	}
	select {
	case <-events:
	default:
	}
	return true
}

// listen puts a token into events for each event that matters, until next fails.
func listen(events chan<- struct{}, next func() (bool, error)) error {
	for {
		matters, err := next()
		if err != nil {
			return err
		}
		if !matters {
			continue
		}
		select {
		case events <- struct{}{}:
		default:
		}
	}
}
