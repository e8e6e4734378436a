package proto

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
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

// MaxControl is the size of the largest control message, in bytes.
const MaxControl = 1 << 20

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

// FlowHeader opens a TCP flow: it stands behind the kind byte, first on the
// stream, on the link client–edge and again on edge–connector.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   kind = 2    | flags       |6|      TTL      | traffic class |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|          source port          |       destination port        |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                       flow id (128 bits)                      |
//	|                               …                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                   receive offset (64 bits)                    |
//	|                               …                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   source IP, then destination IP (4 bytes each, or 16 each)   |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type FlowHeader struct {
	Flow     FlowID
	Src, Dst netip.AddrPort // of one family
	Offset   uint64         // bytes of the flow that the opener has received: 0 on a new flow
	TTL      uint8          // of the SYN, as it left the last hop
	Class    uint8
}

const flowFixed = 32

// AppendFlowHeader appends h with its kind byte.
func AppendFlowHeader(b []byte, h *FlowHeader) []byte {
	b = append(b, byte(StreamFlow), udpFlags(h.Dst.Addr().Is6(), false), h.TTL, h.Class)
	b = binary.BigEndian.AppendUint16(b, h.Src.Port())
	b = binary.BigEndian.AppendUint16(b, h.Dst.Port())
	b = append(b, h.Flow[:]...)
	b = binary.BigEndian.AppendUint64(b, h.Offset)
	b = appendAddr(b, h.Src.Addr())
	return appendAddr(b, h.Dst.Addr())
}

// ParseFlowHeader reads a header with its kind byte and returns what follows it.
func ParseFlowHeader(b []byte) (FlowHeader, []byte, error) {
	if len(b) < flowFixed {
		return FlowHeader{}, nil, ErrShort
	}
	n := 4
	if b[1]&flagIPv6 != 0 {
		n = 16
	}
	if StreamKind(b[0]) != StreamFlow || b[1]&^flagIPv6 != 0 {
		return FlowHeader{}, nil, ErrMalformed
	}
	if len(b) < flowFixed+2*n {
		return FlowHeader{}, nil, ErrShort
	}
	src, dst := addrOf(b[flowFixed:flowFixed+n]), addrOf(b[flowFixed+n:flowFixed+2*n])
	if src.Is4In6() || dst.Is4In6() {
		return FlowHeader{}, nil, ErrMalformed
	}
	return FlowHeader{
		Flow:   FlowID(b[8:24]),
		Src:    netip.AddrPortFrom(src, binary.BigEndian.Uint16(b[4:])),
		Dst:    netip.AddrPortFrom(dst, binary.BigEndian.Uint16(b[6:])),
		Offset: binary.BigEndian.Uint64(b[24:]),
		TTL:    b[2],
		Class:  b[3],
	}, b[flowFixed+2*n:], nil
}

// ReadFlowHeader reads a header whose kind byte has been read already.
func ReadFlowHeader(r io.Reader) (FlowHeader, error) {
	var b [flowFixed + 32]byte
	b[0] = byte(StreamFlow)
	if _, err := io.ReadFull(r, b[1:flowFixed]); err != nil {
		return FlowHeader{}, fmt.Errorf("read flow header: %w", err)
	}
	n := flowFixed + 8
	if b[1]&flagIPv6 != 0 {
		n = flowFixed + 32
	}
	if _, err := io.ReadFull(r, b[flowFixed:n]); err != nil {
		return FlowHeader{}, fmt.Errorf("read flow header: %w", err)
	}
	h, _, err := ParseFlowHeader(b[:n])
	return h, err
}

// AnswerKind says how a flow's opening ended.
type AnswerKind uint8

// The answers to a flow header. Their numbers are part of the protocol.
const (
	AnswerConnected AnswerKind = 1 // the origin accepted; frames follow
	AnswerRefused   AnswerKind = 2 // the origin answered RST
	AnswerICMP      AnswerKind = 3 // an ICMP error came instead, or policy made one
	AnswerSilent    AnswerKind = 4 // nothing came; the application gets nothing either
)

// FlowAnswer is the first thing that comes back on a flow's stream.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     kind      |   ICMP type   |   ICMP code   |      TTL      |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|              MTU              |  quoted TTL   | reporter len  |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     decision id (64 bits)                     |
//	|                               …                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                   receive offset (64 bits)                    |
//	|                               …                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|             reporter IP (0, 4 or 16 bytes)                    |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type FlowAnswer struct {
	Decision  DecisionID
	Offset    uint64     // bytes of the flow that the answerer has received
	Reporter  netip.Addr // of the ICMP error, else zero
	MTU       uint16
	Kind      AnswerKind
	ICMPType  uint8
	ICMPCode  uint8
	TTL       uint8 // of the SYN-ACK where known, or of the ICMP error
	QuotedTTL uint8 // of our SYN when the reporter had it; 0 = unknown
}

const answerFixed = 24

// AppendFlowAnswer appends a.
func AppendFlowAnswer(b []byte, a *FlowAnswer) []byte {
	b = append(b, byte(a.Kind), a.ICMPType, a.ICMPCode, a.TTL)
	b = binary.BigEndian.AppendUint16(b, a.MTU)
	b = append(b, a.QuotedTTL, byte(a.Reporter.BitLen()/8))
	b = binary.BigEndian.AppendUint64(b, uint64(a.Decision))
	b = binary.BigEndian.AppendUint64(b, a.Offset)
	return appendAddr(b, a.Reporter)
}

// ParseFlowAnswer reads an answer and returns what follows it.
func ParseFlowAnswer(b []byte) (FlowAnswer, []byte, error) {
	if len(b) < answerFixed {
		return FlowAnswer{}, nil, ErrShort
	}
	n := int(b[7])
	if b[0] < byte(AnswerConnected) || b[0] > byte(AnswerSilent) || n != 0 && n != 4 && n != 16 {
		return FlowAnswer{}, nil, ErrMalformed
	}
	if len(b) < answerFixed+n {
		return FlowAnswer{}, nil, ErrShort
	}
	a := FlowAnswer{
		Decision:  DecisionID(binary.BigEndian.Uint64(b[8:])),
		Offset:    binary.BigEndian.Uint64(b[16:]),
		MTU:       binary.BigEndian.Uint16(b[4:]),
		Kind:      AnswerKind(b[0]),
		ICMPType:  b[1],
		ICMPCode:  b[2],
		TTL:       b[3],
		QuotedTTL: b[6],
	}
	if n != 0 {
		a.Reporter = addrOf(b[answerFixed : answerFixed+n])
	}
	if a.Reporter.Is4In6() {
		return FlowAnswer{}, nil, ErrMalformed
	}
	return a, b[answerFixed+n:], nil
}

// ReadFlowAnswer reads an answer from a stream.
func ReadFlowAnswer(r io.Reader) (FlowAnswer, error) {
	var b [answerFixed + 16]byte
	if _, err := io.ReadFull(r, b[:answerFixed]); err != nil {
		return FlowAnswer{}, fmt.Errorf("read flow answer: %w", err)
	}
	n := answerFixed
	if l := int(b[7]); l == 4 || l == 16 {
		n += l
	}
	if _, err := io.ReadFull(r, b[answerFixed:n]); err != nil {
		return FlowAnswer{}, fmt.Errorf("read flow answer: %w", err)
	}
	a, _, err := ParseFlowAnswer(b[:n])
	return a, err
}

// FrameType is the first byte of a frame inside a flow.
type FrameType uint8

// The frames of a flow, in both directions once it is connected. Offsets
// count payload bytes of one direction from 0, so that the flow can go on
// over another link.
//
// Credit is given end to end: a side may send payload up to the offset of the
// newest FrameLimit that it has read, and nothing before the first one. Data
// beyond it is a violation of the protocol. Whoever grants has room for what it
// has granted and always reads its stream, so that no other flow waits for it.
const (
	FrameData    FrameType = 1 // value bytes of payload follow the header
	FrameAck     FrameType = 2 // value bytes have been received and handed on
	FrameFin     FrameType = 3 // the sender's half is closed; value is its length
	FrameRst     FrameType = 4 // the connection was reset, behind all data before, and fin; value is a Code
	FrameLimit   FrameType = 5 // payload up to the offset value may be sent; never less than before
	FrameBlocked FrameType = 6 // the sender has more, and waits at the limit value
)

// FlowFrame is the header of one frame.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     type      |        value (56 bits): length, offset        |
//	+-+-+-+-+-+-+-+-+                                               +
//	|                       or code                                 |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  payload of a data frame …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type FlowFrame struct {
	Type  FrameType
	Value uint64 // data: length; ack, fin, limit, blocked: offset; rst: Code
}

const (
	// FrameHeaderSize is the size of a frame's header in bytes.
	FrameHeaderSize = 8
	// MaxFrameData is the length of the largest data frame.
	MaxFrameData = 1 << 20
)

// PutFlowFrame writes f over the first FrameHeaderSize bytes of b.
func PutFlowFrame(b []byte, f FlowFrame) {
	binary.BigEndian.PutUint64(b, f.Value&(1<<56-1)|uint64(f.Type)<<56)
}

// ParseFlowFrame reads a frame's header.
func ParseFlowFrame(b []byte) (FlowFrame, error) {
	if len(b) < FrameHeaderSize {
		return FlowFrame{}, ErrShort
	}
	v := binary.BigEndian.Uint64(b)
	f := FlowFrame{Type: FrameType(v >> 56), Value: v & (1<<56 - 1)}
	switch {
	case f.Type < FrameData || f.Type > FrameBlocked,
		f.Type == FrameData && f.Value > MaxFrameData,
		f.Type == FrameRst && f.Value > 1<<16-1:
		return FlowFrame{}, ErrMalformed
	}
	return f, nil
}
