package tcp

import (
	"net"
	"sync/atomic"
	"time"
)

// endpoint is the origin's side of a flow for flow.Pump.
type endpoint struct {
	*net.TCPConn
	closedWrite atomic.Bool
}

// newEndpoint takes over a connection. Package net has every socket send keep-alives after 15 s:
// nobody asked for them, and they end an idle connection in an outage that it would outlive
// (RFC 9293 §3.8.4, RFC 5382 REQ-5).
func newEndpoint(c *net.TCPConn) *endpoint {
	e := &endpoint{TCPConn: c}
	_ = e.SetKeepAlive(false) // fails only on a connection that is closed already
	e.limit()
	return e
}

// CloseWrite sends FIN.
func (e *endpoint) CloseWrite() error {
	e.closedWrite.Store(true)
	return e.TCPConn.CloseWrite()
}

// keepAliveEvery is how soon a keep-alive without an answer is repeated, Linux' own interval, or the
// idle time where that is shorter; how often is the system's to say.
const keepAliveEvery = 75 * time.Second

// KeepAlive turns on keep-alives, as the application has that is at the other end of the flow: what
// it asks ends there.
func (e *endpoint) KeepAlive(idle time.Duration) {
	idle = min(max(idle, time.Second), maxKeepIdle)
	// Where the system cannot, there are none.
	_ = e.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: idle, Interval: min(idle, keepAliveEvery), Count: -1})
}

// maxKeepIdle is the longest that Linux takes (MAX_TCP_KEEPIDLE).
const maxKeepIdle = 32767 * time.Second

// Abort sends RST.
func (e *endpoint) Abort() {
	_ = e.SetLinger(0) // fails only on a connection that is closed already
	_ = e.Close()
}
