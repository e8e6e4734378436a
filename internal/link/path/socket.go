package path

import (
	"context"
	"errors"
	"fmt"
	"net"
	"syscall"
)

// socketBuffer is the size asked for each direction of a UDP socket; the kernel
// may grant less. Measured with GRO: +2 % up, +20 % down against the default.
const socketBuffer = 4 << 20

// socket is a kernel UDP socket whose transient send errors look like packet
// loss. quic-go ends a connection on the first error of a send; a missing
// route, an interface that is down for a moment, a full neighbour table or an
// ICMP error that the kernel reports late must not do that: the idle time-out
// is what notices a peer that is really gone.
//
// It embeds *net.UDPConn, so that quic-go finds everything it looks for (DF,
// ECN, batched reads, GSO).
type socket struct {
	*net.UDPConn
}

// listenSocket binds a UDP socket. network is udp, udp4 or udp6.
func listenSocket(ctx context.Context, network, addr string, control func(network, address string, c syscall.RawConn) error) (*socket, error) {
	lc := net.ListenConfig{Control: control}
	pc, err := lc.ListenPacket(ctx, network, addr)
	if err != nil {
		return nil, fmt.Errorf("open UDP socket: %w", err)
	}
	c, ok := pc.(*net.UDPConn)
	if !ok {
		_ = pc.Close()
		return nil, fmt.Errorf("open UDP socket: %s is not a UDP network", network)
	}
	// Errors are of no interest: without the larger buffers a link is slower, not wrong.
	_ = c.SetReadBuffer(socketBuffer)
	_ = c.SetWriteBuffer(socketBuffer)
	return &socket{UDPConn: c}, nil
}

// WriteMsgUDP sends one packet or one GSO batch; a transient error counts as sent.
func (s *socket) WriteMsgUDP(b, oob []byte, addr *net.UDPAddr) (n, oobn int, err error) {
	n, oobn, err = s.UDPConn.WriteMsgUDP(b, oob, addr)
	if err != nil && transient(err) {
		return len(b), len(oob), nil
	}
	return n, oobn, err
}

// WriteTo sends one packet; a transient error counts as sent.
func (s *socket) WriteTo(b []byte, addr net.Addr) (int, error) {
	n, err := s.UDPConn.WriteTo(b, addr)
	if err != nil && transient(err) {
		return len(b), nil
	}
	return n, err
}

// transient says whether err may be gone at the next packet.
func transient(err error) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && transientErrno(errno)
}
