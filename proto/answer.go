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
