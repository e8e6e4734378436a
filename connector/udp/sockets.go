package udp

import (
	"context"

	"github.com/oneping/oneping/proto/packet"
)

// Sockets makes the sockets of sessions on one platform, or in a simulation.
type Sockets interface {
	// Open returns a socket that is connected to the destination of s, which is locked. What
	// arrives there from now on goes to s.Received and s.Failed.
	Open(s *Session) (Socket, packet.Verdict)
	// Run receives until ctx ends. Never nil.
	Run(ctx context.Context) error
	// Close frees what is left when Run has returned and all sockets are closed.
	Close()
}

// Socket is the connected socket of one session. Its methods are called with the session locked,
// and so are those of the session by its reader: a pending error that one of them has not read
// fails the other's next call.
type Socket interface {
	// Send sends one payload. It may call Failed: the errors of earlier packets are read first.
	Send(d Datagram) packet.Verdict
	Close()
}

// Datagram is a payload on its way out.
type Datagram struct {
	TTL, TOS uint8
	DF       bool
	Payload  []byte // valid until Send returns
}
