package link

import (
	"context"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Handler receives what arrives on a link. A nil function refuses its kind.
type Handler struct {
	// Datagram is called from one goroutine, in the order in which a conversation was sent
	// (proto.Conversation), whether as datagrams or on the oversize stream. d starts with the type
	// byte and is valid until return. Heartbeats are not seen here.
	//
	// Each packet is counted once in the tally of its role, by whoever it ends with; one that went on
	// (packet.OK) and is lost later, in a queue, is counted there for that, too. The link
	// counts there (Options.Tally) what ends in it: a frame that is malformed or of no known type, a
	// queue that is full, a datagram that is too large. The handler counts what it was given,
	// packet.OK included, and returns the reason, from which the link only keeps Info.Reasons:
	// which of the role's links it was.
	Datagram func(l *Link, d []byte) packet.Reason
	// Owner says whose datagram d is, where many share the link: what waits for Datagram waits in a
	// fair queue. May be nil: one waits for the other.
	Owner func(d []byte) Owner
	// Flow is called in a goroutine of its own for each stream that the peer opened as a flow. The
	// header has been read; the handler owns s and must finish it (Close or Reset) before it
	// returns.
	Flow func(ctx context.Context, l *Link, s *Stream, h proto.FlowHeader)
	// Control is called for one message at a time, in order. An error closes the link with
	// proto.CodeProtocol.
	Control func(l *Link, m proto.Control) error
}
