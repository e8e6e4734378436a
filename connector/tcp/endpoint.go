package tcp

import (
	"net"
	"sync/atomic"
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

// Abort sends RST.
func (e *endpoint) Abort() {
	_ = e.SetLinger(0) // fails only on a connection that is closed already
	_ = e.Close()
}
