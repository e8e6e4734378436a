package node

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// factsEvery is how often a link's node looks whether a fact of its hello has changed.
const factsEvery = 2 * time.Second

// uplinked is one link of an uplink.
type uplinked struct {
	*Uplink
	h Handler
	l *link.Link

	at       string      // host:port that was dialled for it
	said     proto.Facts // with the last hello; of the goroutine that says it
	mayAgain atomic.Bool // the edge takes another hello
}

// run says hello and serves the link until it ends. Its goroutines end with it.
func (u *uplinked) run(ctx context.Context) error {
	u.said = u.h.Facts()
	if err := u.l.SendControl(&proto.Control{Hello: u.hello(u.said)}); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	var upkeep sync.WaitGroup
	upkeep.Go(func() { _ = u.node.Renewal(ctx, u.l.SendControl) })
	upkeep.Go(func() { u.watchFacts(ctx) })
	defer upkeep.Wait()
	defer cancel()
	rooms := u.h.Rooms()
	rooms.Control = u.control
	return u.l.Run(ctx, rooms)
}

// watchFacts says hello again when a fact in it has changed, to an edge that takes it.
func (u *uplinked) watchFacts(ctx context.Context) {
	tick := time.NewTicker(factsEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		obs.Flush(u.node.cfg.Log) // what was left out while there was no link
		if !u.mayAgain.Load() {
			continue
		}
		now := u.h.Facts()
		if now == u.said {
			continue
		}
		if err := u.l.SendControl(&proto.Control{Hello: u.hello(now)}); err != nil {
			u.node.cfg.Log.Warn("cannot tell the edge what has changed here", zap.Error(err)) // at the next tick, then
			continue
		}
		u.said = now
	}
}

// printable makes the words of an edge fit for logs, and for the terminals that show a status.
func printable(m *proto.Control) {
	var words []*string
	conf := m.Config
	if w := m.Welcome; w != nil {
		words, conf = append(words, &w.Edge, &w.Version), &w.Config
	}
	if conf != nil {
		words = append(words, &conf.User, &conf.Device, &conf.Tunnel)
	}
	if m.Renewed != nil {
		words = append(words, &m.Renewed.Error)
	}
	if m.Event != nil {
		words = append(words, &m.Event.Text)
	}
	if m.Denial != nil {
		words = append(words, &m.Denial.Protocol, &m.Denial.Dst)
	}
	for _, s := range words {
		*s = term.Printable(*s)
	}
}

// control takes one message of the edge.
func (u *uplinked) control(l *link.Link, m proto.Control) error {
	log := u.node.cfg.Log
	printable(&m)
	switch {
	case m.Welcome != nil:
		u.contact.Made()
		u.node.heard(m.Welcome.Time)
		u.node.learn(m.Welcome.Edges, u.at)
		u.yield.Store(false)
		u.mayAgain.Store(m.Welcome.HelloAgain)
		return u.h.Welcome(l, m.Welcome)
	case m.Renewed != nil:
		if err := u.node.Renewed(*m.Renewed); err != nil {
			log.Warn("cannot renew the certificate", zap.Error(err), obs.Hint(err))
		}
	case m.Event != nil:
		log.Warn("the edge says", zap.Stringer(obs.FieldCode, m.Event.Code), zap.String(obs.FieldRemote, l.Remote().String()), zap.String(obs.FieldReason, m.Event.Text))
	case m.Report != nil: // the link's own
	default:
		return u.h.Control(l, &m)
	}
	return nil
}
