package tcp

import (
	"io"
	"net"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// userTimeout ends a connection whose origin has acknowledged nothing for so long
// (TCP_USER_TIMEOUT, RFC 5482): about what Linux takes by itself (tcp_retries2), for an origin,
// too, that answers and takes nothing.
const userTimeout = 15 * time.Minute

// Read reads as *net.TCPConn does. A write that fails takes the connection's error (SO_ERROR) with
// it, and what is read behind the last bytes is EOF then: the state of the connection tells a reset
// from FIN.
func (e *endpoint) Read(b []byte) (int, error) {
	n, err := e.TCPConn.Read(b)
	if n == 0 && err == io.EOF && !e.closedWrite.Load() && e.Broken() {
		return 0, unix.ECONNRESET
	}
	return n, err
}

// Broken says whether the kernel has given the connection up.
func (e *endpoint) Broken() bool {
	state, closed := uint8(0), true
	e.control(func(fd int) {
		if info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO); err == nil {
			state, closed = info.State, false
		}
	})
	return closed || state == tcpClose
}

// tcpClose is TCP_CLOSE of include/net/tcp_states.h.
const tcpClose = 7

// Unsent returns what the origin has not acknowledged (SIOCOUTQ, tcp(7)).
func (e *endpoint) Unsent() (n int) {
	e.control(func(fd int) { n = sock.Unacknowledged(fd) })
	return n
}

// SetClass changes the traffic class of what is sent from now on.
func (e *endpoint) SetClass(class uint8) {
	at, ok := e.RemoteAddr().(*net.TCPAddr)
	if !ok {
		return
	}
	e.control(func(fd int) { _ = sock.SetTOS(fd, at.IP.To4() == nil, class) }) // it only says how urgent it is
}

// limit bounds how long nothing may be acknowledged.
func (e *endpoint) limit() {
	e.control(func(fd int) {
		// It fails on no kernel that has sockets like these, and without it the kernel's own bound
		// holds.
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_USER_TIMEOUT, int(userTimeout/time.Millisecond))
	})
}

// control calls f with the descriptor, unless the connection has been closed.
func (e *endpoint) control(f func(fd int)) {
	if raw, err := e.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { f(int(fd)) }) // fails on a closed connection
	}
}
