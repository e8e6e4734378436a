package identity_test

import (
	"context"
	"crypto/tls"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

// clock is a clock that tests turn.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Now()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func (c *clock) forward(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.t = c.t.Add(d)
}

// edge is a store, an authority and a listener on loopback.
type edge struct {
	store     *state.Store
	authority *identity.Authority
	addr      string
	logs      *observer.ObservedLogs

	mu       sync.Mutex
	accepted []string // identities that got a link
}

func newEdge(t *testing.T, dir string, c *clock) *edge {
	t.Helper()
	core, logs := observer.New(zap.InfoLevel)
	e := &edge{logs: logs}
	e.store = state.New(state.Config{Dir: dir, Now: c.now, Elapsed: c.now})
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { _ = e.store.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	select {
	case <-e.store.Ready():
	case <-time.After(20 * time.Second):
		t.Fatal("the store is not ready")
	}
	e.authority = identity.New(identity.Config{
		Dir: dir, Store: e.store, Advertise: func() []string { return []string{e.addr} }, Now: c.now, Log: zap.New(core),
	})
	if err := e.authority.Load(); err != nil {
		t.Fatal(err)
	}
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: e.authority.ServerTLS(), Log: zap.New(core)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	e.addr = ln.Addr().String()
	wg.Go(func() {
		for {
			l, err := ln.Accept(ctx)
			if err != nil {
				return
			}
			wg.Go(func() { e.serve(ctx, l) })
		}
	})
	return e
}

func (e *edge) serve(ctx context.Context, l *link.Link) {
	if l.ALPN() == proto.EnrolALPN {
		_ = e.authority.ServeEnrol(ctx, l) // a connection that ended early is no enrolment
		return
	}
	id, err := e.authority.Identify(l)
	if err != nil {
		var r *link.RefusedError
		errors.As(err, &r)
		_ = l.Close(r.Code, r.Error())
		return
	}
	e.mu.Lock()
	e.accepted = append(e.accepted, id.String())
	e.mu.Unlock()
	_ = l.Run(ctx, link.Handler{})
}

func (e *edge) log(t *testing.T, message, reason string) {
	t.Helper()
	for _, entry := range e.logs.FilterMessage(message).All() {
		if strings.Contains(entry.ContextMap()["reason"].(string), reason) {
			return
		}
	}
	t.Errorf("the edge's log has no %q with reason %q: %v", message, reason, e.logs.All())
}

func (e *edge) deviceToken(t *testing.T, user string) proto.Token {
	t.Helper()
	tok, err := e.authority.IssueDeviceToken(t.Context(), user, 0)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func (e *edge) tunnelToken(t *testing.T, name string, rotate bool) proto.Token {
	t.Helper()
	tok, err := e.authority.TunnelToken(t.Context(), name, rotate)
	if err != nil {
		t.Fatal(err)
	}
	return tok
}

func source(tok proto.Token) func(context.Context) (proto.Token, bool, error) {
	return func(context.Context) (proto.Token, bool, error) { return tok, true, nil }
}

func newNode(role proto.Role, dir string, c *clock, tok proto.Token) *node.Node {
	return node.New(node.Config{Role: role, StateDir: dir, TokenSource: source(tok), Now: c.now})
}

// enrol enrols within a time that tests can wait.
func enrol(t *testing.T, n *node.Node) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	return n.Enrol(ctx)
}

// dial opens a link as n and returns what ended it; a link that is let in is closed after its first
// control message arrived.
func dial(t *testing.T, e *edge, n *node.Node) error {
	t.Helper()
	cfg, err := n.TLS(t.Context())
	if err != nil {
		return err
	}
	return dialTLS(t, e, cfg)
}

func dialTLS(t *testing.T, e *edge, cfg *tls.Config) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	e.mu.Lock()
	before := len(e.accepted)
	e.mu.Unlock()
	l, err := path.Dial(ctx, e.addr, path.Config{TLS: cfg})
	if err != nil {
		return err
	}
	done := make(chan error, 1)
	go func() { done <- l.Run(ctx, link.Handler{}) }()
	for {
		select {
		case err := <-done:
			return err
		case <-time.After(5 * time.Millisecond):
		}
		e.mu.Lock()
		in := len(e.accepted) > before
		e.mu.Unlock()
		if in {
			_ = l.Close(proto.CodeOK, "")
			<-done
			return nil
		}
	}
}

func refused(t *testing.T, err error, code proto.Code, text string) {
	t.Helper()
	var re *link.RefusedError
	var ce *link.CloseError
	switch {
	case errors.As(err, &re) && re.Code == code && strings.Contains(re.Error(), text):
	case errors.As(err, &ce) && ce.Remote && ce.Code == code && strings.Contains(ce.Text, text):
	default:
		t.Errorf("got %v, want a refusal %v %q", err, code, text)
	}
}

// eventually waits for what another goroutine is about to do.
func eventually(t *testing.T, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(5 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("it did not come")
		}
	}
}
