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

func newEndpoint(c *net.TCPConn) *endpoint {
	e := &endpoint{TCPConn: c}
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
