package proto

import (
	"encoding/binary"
	"fmt"
	"io"
)

// StreamKind is the first byte of every stream.
type StreamKind uint8

// Stream kinds. A stream of an unknown kind is reset, counted, and ends nothing else.
const (
	StreamControl  StreamKind = 'o' // first byte of Magic; bidirectional, opened by the node, first
	StreamFlow     StreamKind = 2   // bidirectional: one TCP flow
	StreamOversize StreamKind = 3   // unidirectional: datagrams that did not fit a datagram
)

// Magic opens the control stream; its last byte is the protocol's version.
const Magic = "oneping\x01"

// AppendLength appends the uint32 length that stands before a control message
// and before each datagram of an oversize stream.
func AppendLength(b []byte, n int) []byte { return binary.BigEndian.AppendUint32(b, uint32(n)) }

// ReadFrame reads one frame behind its uint32 length into buf, growing it where needed up to max
// bytes. An oversize length is an error that says so; nothing after it can be read.
func ReadFrame(r io.Reader, buf []byte, max int) ([]byte, error) {
	var head [4]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(head[:])
	if uint64(n) > uint64(max) {
		return nil, fmt.Errorf("read frame: %d bytes, %d allowed: %w", n, max, ErrMalformed)
	}
	if cap(buf) < int(n) {
		buf = make([]byte, n)
	}
	buf = buf[:n]
	if _, err := io.ReadFull(r, buf); err != nil {
		return nil, fmt.Errorf("read frame: %w", err)
	}
	return buf, nil
}
