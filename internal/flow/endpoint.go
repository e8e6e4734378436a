package flow

import "net"

// Endpoint is the TCP connection at an end of a flow: the kernel's on the
// connector, the user-space stack's on the client. An error of Read or Write
// that means "the far end sent RST" satisfies errors.Is(err, syscall.ECONNRESET).
type Endpoint interface {
	net.Conn
	// CloseWrite sends FIN; reading goes on.
	CloseWrite() error
	// Abort sends RST and frees Read and Write. May be called more than once and concurrently.
	Abort()
	// Broken says whether the connection is over, whether or not its last bytes have been read.
	Broken() bool
	// Unsent returns how many bytes Write has taken that the far end has not acknowledged; 0 where
	// nobody can tell.
	Unsent() int
}
