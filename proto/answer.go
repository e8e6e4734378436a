package proto

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
)

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
//	|     kind      | ICMP type or  |   ICMP code   |      TTL      |
//	|               | newest frame  |               |               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|              MTU              |  quoted TTL   |E| reporter len|
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                     decision id (64 bits)                     |
//	|                               …                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|                   receive offset (64 bits)                    |
//	|                               …                               |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|             reporter IP (0, 4 or 16 bytes)                    |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|    quoted     | reserved = 0  |       extension length        |  where flag E is set,
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+  which is sent as in
//	|  extension of the ICMP error …                                   a UDPEvent
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

	// Newest is the newest frame type that the answerer reads; 0 = FrameBlocked, with all before it.
	// Only where it is connected: the ICMP type's place on the wire.
	Newest FrameType

	Extension string // of the ICMP error, 4 to MaxExtension bytes; empty where it has none
	Quoted    uint8  // words quoted in front of the extension, as the error states them
}

const (
	answerFixed    = 24
	answerExtended = 1 << 7 // in the length of the reporter
	answerHead     = 4      // in front of the extension
)

// AppendFlowAnswer appends a.
func AppendFlowAnswer(b []byte, a *FlowAnswer) []byte {
	typ := a.ICMPType
	if a.Kind == AnswerConnected {
		typ = uint8(a.Newest)
	}
	b = append(b, byte(a.Kind), typ, a.ICMPCode, a.TTL)
	b = binary.BigEndian.AppendUint16(b, a.MTU)
	n := byte(a.Reporter.BitLen() / 8)
	if a.Extension != "" {
		n |= answerExtended
	}
	b = append(b, a.QuotedTTL, n)
	b = binary.BigEndian.AppendUint64(b, uint64(a.Decision))
	b = binary.BigEndian.AppendUint64(b, a.Offset)
	b = appendAddr(b, a.Reporter)
	if a.Extension == "" {
		return b
	}
	b = append(b, a.Quoted, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(len(a.Extension)))
	return append(b, a.Extension...)
}

// ParseFlowAnswer reads an answer and returns what follows it.
func ParseFlowAnswer(b []byte) (FlowAnswer, []byte, error) {
	if len(b) < answerFixed {
		return FlowAnswer{}, nil, ErrShort
	}
	n, extended := int(b[7]&^answerExtended), b[7]&answerExtended != 0
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
	if a.Kind == AnswerConnected {
		a.Newest, a.ICMPType = FrameType(b[1]), 0
	}
	if n != 0 {
		a.Reporter = addrOf(b[answerFixed : answerFixed+n])
	}
	if a.Reporter.Is4In6() {
		return FlowAnswer{}, nil, ErrMalformed
	}
	b = b[answerFixed+n:]
	if !extended {
		return a, b, nil
	}
	return a.extend(b)
}

// extend reads the extension in front of b, and returns what follows it.
func (a FlowAnswer) extend(b []byte) (FlowAnswer, []byte, error) {
	if len(b) < answerHead {
		return FlowAnswer{}, nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(b[2:]))
	switch {
	case b[1] != 0 || n < minExtension || n > MaxExtension || !a.Reporter.IsValid():
		return FlowAnswer{}, nil, ErrMalformed
	case len(b) < answerHead+n:
		return FlowAnswer{}, nil, ErrShort
	}
	a.Quoted, a.Extension = b[0], string(b[answerHead:answerHead+n])
	return a, b[answerHead+n:], nil
}

// ReadFlowAnswer reads an answer from a stream, and nothing behind it.
func ReadFlowAnswer(r io.Reader) (FlowAnswer, error) {
	var b [answerFixed + 16 + answerHead + MaxExtension]byte
	n, want := 0, answerFixed
	for n < want {
		if _, err := io.ReadFull(r, b[n:want]); err != nil {
			return FlowAnswer{}, fmt.Errorf("read flow answer: %w", err)
		}
		n, want = want, answerSize(b[:want])
	}
	a, _, err := ParseFlowAnswer(b[:n])
	return a, err
}

// answerSize returns how long the answer is at least that begins with b: with the whole of it, or with
// something wrong in it, len(b).
func answerSize(b []byte) int {
	n, size := int(b[7]&^answerExtended), answerFixed
	if n != 0 && n != 4 && n != 16 {
		return len(b)
	}
	size += n
	if b[7]&answerExtended == 0 {
		return size
	}
	size += answerHead
	if len(b) < size {
		return size
	}
	return size + min(int(binary.BigEndian.Uint16(b[size-2:])), MaxExtension)
}
