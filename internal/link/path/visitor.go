package path

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/quic-go/quic-go"
)

// visitor is what a listener knows of a connection from its first packet on. Whoever it is has not
// said yet.
type visitor struct {
	leave   func() // gives its place back, once
	trusted atomic.Bool
	window  atomic.Int64 // of the connection, bytes
}

// visitorKey finds the visitor in the context of its connection.
type visitorKey struct{}

// admit asks whether a new connection may begin its handshake.
func (ln *Listener) admit(ctx context.Context, info *quic.ClientInfo) (context.Context, error) {
	v := &visitor{leave: func() {}}
	v.window.Store(strangerWindow)
	if ln.cfg.Admit != nil {
		leave, err := ln.cfg.Admit(addrPort(info.RemoteAddr).Addr(), info.AddrVerified)
		if err != nil {
			return nil, err // quic-go says CONNECTION_REFUSED, and keeps nothing
		}
		v.leave = sync.OnceFunc(leave)
	}
	ctx = context.WithValue(ctx, visitorKey{}, v)
	context.AfterFunc(ctx, func() {
		v.leave()
		ln.windows.Add(-max(0, v.window.Swap(0)-freeWindow))
		ln.logHandshake(ctx, info)
	})
	return ctx, nil
}

// budget is what the windows of all links may be together, beyond what each is free to have.
func (ln *Listener) budget() uint64 {
	if ln.cfg.Windows > 0 {
		return ln.cfg.Windows
	}
	return defaultWindows
}

// grow says whether quic-go may make the receive window of a connection larger by delta. It is
// called by one goroutine at a time for a connection, with quic-go's locks held.
func (ln *Listener) grow(conn *quic.Conn, delta uint64) bool {
	v, ok := conn.Context().Value(visitorKey{}).(*visitor)
	if !ok || !v.trusted.Load() || ln.cfg.Grow != nil && !ln.cfg.Grow() {
		return false
	}
	before := v.window.Load()
	charge := max(0, before+int64(delta)-freeWindow) - max(0, before-freeWindow)
	if ln.windows.Add(charge) > int64(ln.budget()) && charge > 0 {
		ln.windows.Add(-charge)
		return false
	}
	if !v.window.CompareAndSwap(before, before+int64(delta)) { // it ended meanwhile
		ln.windows.Add(-charge)
		return false
	}
	return true
}

// Admission says whether a connection from an address may begin its handshake. proven: the address
// has shown that it receives what is sent to it. leave gives back what was taken; it is called
// once. An error refuses the connection; the peer is told no reason.
type Admission func(from netip.Addr, proven bool) (leave func(), err error)
