package netstack

import (
	"errors"
	"net"
	"os"
	"syscall"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
)

// Conn is one TCP connection of the host, seen from the far end: what the
// application writes is read here. It is a net.Conn with half-close and reset;
// a reset by the application is an error for which errors.Is(err, syscall.ECONNRESET) holds.
type Conn struct {
	*gonet.TCPConn
	ep tcpip.Endpoint
}

// Read implements net.Conn.
func (c *Conn) Read(b []byte) (int, error) {
	n, err := c.TCPConn.Read(b)
	return n, translate(err)
}

// Write implements net.Conn.
func (c *Conn) Write(b []byte) (int, error) {
	n, err := c.TCPConn.Write(b)
	return n, translate(err)
}

// CloseWrite sends FIN: nothing more will be written.
func (c *Conn) CloseWrite() error { return translate(c.TCPConn.CloseWrite()) }

// Abort sends RST and frees the connection at once.
func (c *Conn) Abort() { c.ep.Abort() }

// Broken says whether the connection is over: reset, timed out or closed.
func (c *Conn) Broken() bool {
	switch tcp.EndpointState(c.ep.State()) {
	case tcp.StateError, tcp.StateClose:
		return true
	}
	return false
}

// Unsent returns how many bytes the application's host has not acknowledged.
func (c *Conn) Unsent() int {
	n, err := c.ep.GetSockOptInt(tcpip.SendQueueSizeOption)
	if err != nil {
		return 0
	}
	return n
}

// translate gives gVisor's errors, which gonet flattens to text, the identity of the system's.
func translate(err error) error {
	var op *net.OpError
	if err == nil || !errors.As(err, &op) || op.Timeout() {
		return err
	}
	var is error
	switch op.Err.Error() {
	case (&tcpip.ErrConnectionReset{}).String(), (&tcpip.ErrConnectionAborted{}).String():
		is = syscall.ECONNRESET
	case (&tcpip.ErrClosedForSend{}).String():
		is = syscall.EPIPE
	case (&tcpip.ErrTimeout{}).String():
		is = syscall.ETIMEDOUT
	case (&tcpip.ErrInvalidEndpointState{}).String(), (&tcpip.ErrNotConnected{}).String():
		is = net.ErrClosed
	default:
		return err
	}
	if errno, ok := is.(syscall.Errno); ok {
		is = os.NewSyscallError(op.Op, errno)
	}
	return &net.OpError{Op: op.Op, Net: op.Net, Source: op.Source, Addr: op.Addr, Err: is}
}
