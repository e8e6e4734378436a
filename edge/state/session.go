package state

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/oneping/oneping/edge/state/journal"
)

const (
	// faultEvery is how often the embedded server is asked for a fault while a write waits for its
	// answer: it gives none to a write that the disk refused.
	faultEvery = 50 * time.Millisecond
	// guardEvery is how often it is asked else.
	guardEvery = 5 * time.Second
)

// errFault is found in what ends a session whose server has met a fault of the disk.
var errFault = errors.New("the store could not be written")

// session is one opening of the store. It ends with the store, or with a fault of the disk that the
// embedded server has met: that one refuses every later write, so that another session is opened in
// its place. Snapshots outlive it.
type session struct {
	js      jetstream.JetStream
	prefix  string // of subjects that are written in another domain
	seenKV  jetstream.KeyValue
	journal *journal.Journal
	server  *embedded // nil: an external one
	health  *health
	audited atomic.Uint64 // the newest sequence of the audit log

	once   sync.Once
	broken chan struct{} // closed by fail
	fault  error         // why; read after that
}

// fail ends the session, because of a write that failed with err. It returns why.
func (x *session) fail(err error) error {
	x.once.Do(func() {
		x.fault = x.health.blame(err)
		close(x.broken)
	})
	<-x.broken
	return x.fault
}

// ended says whether the session has failed.
func (x *session) ended() bool {
	select {
	case <-x.broken:
		return true
	default:
		return false
	}
}

// check asks the embedded server for a fault and fails with it.
func (x *session) check() error {
	if x.server == nil {
		return nil
	}
	if err := x.server.fault(); err != nil {
		return x.fail(err)
	}
	return nil
}

// guard waits for a fault; it returns it, or ctx's end.
func (x *session) guard(ctx context.Context) error {
	tick := time.NewTicker(guardEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-x.broken:
			return fmt.Errorf("%w: %w", errFault, x.fault)
		case <-tick.C:
			_ = x.check() // broken is closed then
		}
	}
}

// write writes a value where nothing was written since revision expect; nil deletes the key. What it
// will be in the journal has its room there before: a full disk refuses a change that was not made.
func (x *session) write(ctx context.Context, key string, body []byte, expect uint64) (uint64, error) {
	release, err := x.journal.Book(key, body)
	if err != nil {
		if why := x.health.blame(err); why != err {
			return 0, unwritable(why)
		}
		return 0, err
	}
	defer release()
	return x.put(ctx, key, body, expect)
}

// put writes a value; nil deletes the key.
func (x *session) put(ctx context.Context, key string, body []byte, expect uint64) (uint64, error) {
	msg := nats.NewMsg(x.prefix + subjState + key)
	if body == nil {
		msg.Header.Set(headerOp, "PURGE")
		msg.Header.Set(headerRollup, "sub")
	}
	msg.Data = body
	return x.publish(ctx, msg, jetstream.WithExpectLastSequence(expect))
}

// publish sends one message and waits until it is on disk. A fault of the disk ends the waiting.
func (x *session) publish(ctx context.Context, msg *nats.Msg, options ...jetstream.PublishOpt) (uint64, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	var watching sync.WaitGroup
	watching.Go(func() { x.await(ctx, cancel) })
	ack, err := x.js.PublishMsg(ctx, msg, options...)
	cause := context.Cause(ctx)
	cancel(nil)
	watching.Wait()
	switch {
	case err == nil:
		return ack.Sequence, nil
	case cause != nil && errors.Is(err, context.Canceled):
		return 0, cause
	}
	if x.ended() { // and its connection closed
		return 0, unwritable(x.fault)
	}
	return 0, err
}

// await ends what waits for an answer when there will be none.
func (x *session) await(ctx context.Context, cancel context.CancelCauseFunc) {
	tick := time.NewTicker(faultEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-x.broken:
			cancel(unwritable(x.fault))
			return
		case <-tick.C:
			_ = x.check() // broken is closed then
		}
	}
}
