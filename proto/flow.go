package proto

import (
	"encoding/binary"
	"fmt"
	"io"
	"net/netip"
)

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
