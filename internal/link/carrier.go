package link

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"time"

	"github.com/oneping/oneping/proto"
)

// Carrier is what a link needs of the connection that carries it. internal/link/path makes them; a
// link does not know of what kind its own is.
//
// Errors of a carrier and of its streams are *CloseError where a side closed the connection with a
// code and *ResetError where a side reset the stream. All methods are safe for concurrent use;
// SendDatagram, ReceiveDatagram and PollDatagram are called by one goroutine each.
type Carrier interface {
	StreamCarrier
	DatagramCarrier
	PathCarrier

	// TLS returns the state of the handshake.
	TLS() tls.ConnectionState
	// Stats returns a snapshot of what the connection has moved.
	Stats() CarrierStats
	// Trust says that the peer is known and welcome: it may send more at once than a stranger.
	Trust()
	// Context ends with the connection; Err then says why.
	Context() context.Context
	Err() error
	// Close ends the connection and tells the peer why.
	Close(code proto.Code, text string) error
	// Release frees the sockets, once. The connection ends where it has not.
	Release()
}

// StreamCarrier opens and accepts streams.
type StreamCarrier interface {
	// OpenStream opens a stream. It waits while the peer has its bound of them open.
	OpenStream(ctx context.Context) (CarrierStream, error)
	// AcceptStream returns the next stream that the peer opened, in the order of their opening.
	AcceptStream(ctx context.Context) (CarrierStream, error)
	// OpenUniStream opens a stream for this side alone; ErrStreamLimit where the peer still has to
	// let go of older ones.
	OpenUniStream() (SendStream, error)
	// AcceptUniStream returns the next stream that the peer opened for its side alone.
	AcceptUniStream(ctx context.Context) (ReceiveStream, error)
}

// DatagramCarrier moves datagrams, unreliably.
type DatagramCarrier interface {
	// SendDatagram sends d, which it copies. It blocks on a stuck path. It fails with
	// ErrDatagramTooLarge where d is larger than MaxDatagram, which then says the size as it is
	// now.
	SendDatagram(d []byte) error
	// ReceiveDatagram waits for the next one.
	ReceiveDatagram(ctx context.Context) ([]byte, error)
	// PollDatagram returns one that has arrived, nil and no error where none has.
	PollDatagram() ([]byte, error)
	// MaxDatagram returns the size in bytes of the largest datagram that crosses now. It is asked for
	// each datagram.
	MaxDatagram() int
	// Settled says that the search for that size is over: until then it may still grow.
	Settled() bool
	// LeastDatagram is the size with which every path begins.
	LeastDatagram() int
	// Measure goes on with the search. It has to be called by the clock.
	Measure()
}

// PathCarrier knows the path of a connection, and leaves it on the dialling side. On the accepting
// side, Keep, Switch, Follow and Again do nothing.
type PathCarrier interface {
	// Local and Remote return the addresses of both ends now.
	Local() netip.AddrPort
	Remote() netip.AddrPort
	// PathMTU returns the size of the largest IP packet that crosses now.
	PathMTU() int
	// Keep keeps a way out ready until ctx or the connection ends.
	Keep(ctx context.Context)
	// Switch leaves a path on which full-size packets no longer pass: another one begins with small
	// ones. Streams and datagrams go on.
	Switch(ctx context.Context) error
	// Follow looks whether this host now speaks to the peer from another address, and then moves
	// the connection; it says whether it does. It does not block on the network.
	Follow(ctx context.Context) (changed bool)
	// Again begins anew on the path to which Follow has moved, as if nothing had been sent there yet.
	Again()
}

// CarrierStream is a stream in both directions.
type CarrierStream interface {
	SendStream
	ReceiveStream
	// Peek waits until len(b) bytes have come and copies them without taking them.
	Peek(b []byte) (int, error)
	// SetDeadline bounds Read and Write.
	SetDeadline(t time.Time) error
	// Prefer has what is written to this stream sent before that of all others.
	Prefer()
	// Context ends when this side's half is closed or reset, or the connection has ended.
	Context() context.Context
}

// SendStream is this side's half of a stream.
type SendStream interface {
	io.Writer
	// Close ends the half behind what was written; not concurrently with Write.
	Close() error
	// CancelWrite ends it at once: the peer's Read fails with code.
	CancelWrite(code proto.Code)
	SetWriteDeadline(t time.Time) error
}

// ReceiveStream is the peer's half of a stream.
type ReceiveStream interface {
	io.Reader
	// CancelRead refuses what still comes: the peer's Write fails with code.
	CancelRead(code proto.Code)
	SetReadDeadline(t time.Time) error
}

// CarrierStats is a snapshot of a connection.
type CarrierStats struct {
	RTT, MinRTT     time.Duration // smoothed, and the least
	PacketsReceived uint64
	BytesReceived   uint64 // of UDP payload, duplicates included
	BytesSent       uint64
}

// ErrStreamLimit is why no stream can be opened now.
var ErrStreamLimit = errors.New("the peer has too many streams open")

// ErrDatagramTooLarge is why a datagram cannot be sent.
var ErrDatagramTooLarge = errors.New("larger than a datagram may be now")

// The streams that a carrier allows its peer to have open at a time. An edge may open four times as
// many as a node: on a connector's link those are the flows of all devices, and no device may take
// up what the others need. MaxUniStreams are one oversize stream, and room for its successors while
// old ones are reset.
const (
	MaxStreams     = 4096
	MaxEdgeStreams = 4 * MaxStreams
	MaxUniStreams  = 16
)

// DefaultKeepAlive is how often a link says that it lives where nothing else is said.
const DefaultKeepAlive = time.Second
