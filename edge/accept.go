package edge

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/relay"
	"github.com/oneping/oneping/internal/bucket"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// helloWait is how long a new link may stay without saying hello.
	helloWait = 10 * time.Second
	// requestRate and requestBurst bound the renewals of one node, and its requests for a whole
	// configuration, per second and at once.
	requestRate, requestBurst = 0.1, 10
	// maxEvent is how much a node may have to say at once, in bytes: more ends its link.
	maxEvent = 64 << 10
	// maxRequesters is for how many nodes that is kept apart.
	maxRequesters = 16_384
)

// Acceptor lets nodes in and moves what their links carry through a relay.
type Acceptor struct {
	Listener *path.Listener
	Relay    *relay.Relay
	Gate     Gate
	Log      *zap.Logger

	nodes nodes
	diffs differences
	links linkSet
	// What nodes may have signed and sent, kept across their links.
	requests *bucket.Table[proto.Identity]
}

// Run accepts links until ctx ends, then closes them all and joins them. The
// listener is the caller's to close, afterwards. It never returns nil.
func (a *Acceptor) Run(ctx context.Context) error {
	a.requests = bucket.New[proto.Identity](requestRate, requestBurst, maxRequesters)
	// Links end with a code that tells nodes to dial again.
	links, end := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		end(&link.CloseError{Code: proto.CodeDraining, Text: "the edge is shutting down"})
	})
	defer stop()
	var wg sync.WaitGroup
	defer wg.Wait()
	for {
		l, err := a.Listener.Accept(ctx)
		switch {
		case ctx.Err() != nil:
			if err == nil {
				_ = l.Close(proto.CodeDraining, "the edge is shutting down")
			}
			return ctx.Err()
		case errors.Is(err, net.ErrClosed):
			end(err)
			return err
		case err != nil:
			a.Log.Warn("cannot accept a link", zap.Error(err))
			continue
		}
		wg.Go(func() {
			a.links.add(l)
			defer a.links.remove(l)
			a.serve(links, l)
		})
	}
}

// serve runs one link to its end.
func (a *Acceptor) serve(ctx context.Context, l *link.Link) {
	log := a.Log.With(zap.Stringer(obs.FieldRemote, l.Remote()))
	if l.ALPN() == proto.EnrolALPN {
		a.enrol(ctx, l, log)
		return
	}
	id, err := a.Gate.Identify(l)
	if err != nil {
		a.refuse(l, log, err)
		return
	}
	a.Gate.Know(l.Remote().Addr())
	if oldest := a.links.await(l, id); oldest != nil {
		_ = oldest.Close(proto.CodeTooMany, "too many links of this node wait for its hello")
	}
	n := &nodeLink{a: a, l: l, id: id, log: log.With(zap.Stringer(obs.FieldIdentity, id)), conf: configuration{diffs: &a.diffs}}
	n.run(ctx)
}

// refuse closes l with the reason that err states, and logs the same.
func (a *Acceptor) refuse(l *link.Link, log *zap.Logger, err error) {
	code := proto.CodeRefused
	if no, ok := errors.AsType[*link.RefusedError](err); ok {
		code = no.Code
	}
	log.Warn("link refused", zap.Stringer(obs.FieldCode, code), zap.String(obs.FieldReason, err.Error()))
	_ = l.Close(code, err.Error())
}

func (a *Acceptor) enrol(ctx context.Context, l *link.Link, log *zap.Logger) {
	if err := a.Gate.Enrol(ctx, l); err != nil && context.Cause(ctx) == nil {
		log.Warn("enrolment ended without an answer", zap.String(obs.FieldReason, err.Error()))
	}
}

// Refresh tells every connected node whose Config has changed the new one.
func (a *Acceptor) Refresh() {
	for _, n := range a.nodes.all() {
		n.refresh()
	}
}

// Touch notes every connected node as seen.
func (a *Acceptor) Touch(ctx context.Context) {
	for _, n := range a.nodes.all() {
		n.seen(ctx)
	}
}

// attachment is a node's live link in the relay: a device's or a connector's.
type attachment interface {
	Datagram(d []byte) packet.Reason
	Detach()
}

// nodeLink is one link that has been let in.
type nodeLink struct {
	a     *Acceptor
	l     *link.Link
	id    proto.Identity
	log   *zap.Logger
	ready atomic.Pointer[attached] // nil until it said hello

	conf   configuration
	asking sync.Mutex // an older answer of the gate does not overtake a newer one

	mu         sync.Mutex
	hello      proto.Hello
	clockAhead time.Duration // of the node, when it said hello
}

// attached is a node's attachment as the packet path reads it.
type attached struct {
	attachment
	client *relay.DeviceAttachment // nil for a connector
}

// run moves the link until it ends.
func (n *nodeLink) run(ctx context.Context) {
	timer := time.AfterFunc(helloWait, func() {
		if n.ready.Load() == nil {
			_ = n.l.Close(proto.CodeTimeout, "no hello within "+helloWait.String())
		}
	})
	defer timer.Stop()
	err := n.l.Run(ctx, link.Handler{Datagram: n.datagram, Flow: n.flow, Control: func(_ *link.Link, m proto.Control) error {
		return n.control(ctx, &m)
	}})
	if at := n.ready.Load(); at != nil {
		at.Detach()
		n.a.nodes.remove(n)
		n.seen(ctx) // until now
		n.named().Info("node disconnected", zap.String(obs.FieldReason, err.Error()))
		return
	}
	n.log.Warn("link ended before its hello", zap.String(obs.FieldReason, err.Error()))
}

func (n *nodeLink) datagram(_ *link.Link, d []byte) packet.Reason {
	at := n.ready.Load()
	if at == nil {
		n.a.Relay.Counters().Count(packet.LinkDown)
		return packet.LinkDown
	}
	return at.Datagram(d)
}

func (n *nodeLink) flow(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
	at := n.ready.Load()
	if at == nil || at.client == nil {
		s.Reset(proto.CodeProtocol)
		return
	}
	at.client.Flow(ctx, s, h)
}

// control takes one message. Kinds that an edge does not expect are counted and ignored: the peer
// may be newer.
func (n *nodeLink) control(ctx context.Context, m *proto.Control) error {
	switch {
	case m.Hello != nil:
		return n.greet(ctx, m.Hello)
	case m.Renew != nil:
		return n.renew(ctx, m.Renew)
	case m.Applied != nil:
		return n.applied(m.Applied)
	case m.Event != nil && len(m.Event.Text) > maxEvent:
		return fmt.Errorf("an event of %d bytes", len(m.Event.Text))
	case m.Event != nil:
		n.named().Warn("node reports", zap.Stringer(obs.FieldCode, m.Event.Code), zap.String(obs.FieldReason, term.Printable(m.Event.Text)))
	default:
		n.a.Relay.Counters().Count(packet.UnknownType)
	}
	return nil
}

// mayAsk says whether the node may now have another signature or whole configuration.
func (n *nodeLink) mayAsk() bool {
	return n.a.requests.Take(n.id, time.Now())
}

// seen notes that the node is there, or was until now.
func (n *nodeLink) seen(ctx context.Context) {
	n.a.Gate.Seen(ctx, n.id)
}

func (n *nodeLink) renew(ctx context.Context, r *proto.Renew) error {
	answer := proto.Renewed{Error: "too many requests; try again in a minute"}
	if n.mayAsk() {
		answer = n.a.Gate.Renew(n.id, r.CSR)
	}
	if answer.Error != "" {
		n.named().Warn("renewal refused", zap.String(obs.FieldReason, answer.Error))
	}
	return n.l.SendControl(&proto.Control{Renewed: &answer})
}

// refresh lets the node have its newest configuration.
func (n *nodeLink) refresh() {
	n.asking.Lock()
	defer n.asking.Unlock()
	w, err := n.a.Gate.Welcome(n.id)
	if err != nil {
		return // gone from the state: the relay closes its link
	}
	if n.conf.want(&w.Config) {
		n.l.SendLatest(n.conf.next)
	}
}

// applied takes what the node says that it has.
func (n *nodeLink) applied(a *proto.Applied) error {
	a.Error = term.Printable(a.Error)
	if a.Error != "" {
		n.named().Warn("node cannot apply its configuration", zap.Uint64("configuration", a.Number), zap.String(obs.FieldReason, a.Error))
	}
	if !n.conf.answered(a) {
		return nil
	}
	if !n.mayAsk() {
		return errors.New("too many requests for a whole configuration") // a new link begins with one
	}
	n.l.SendLatest(n.conf.next)
	return nil
}
