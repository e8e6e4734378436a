package proto

import "encoding/binary"

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

	// What the application of the opener wants of the segments at the other end. Only to who has
	// said that it reads them (FlowAnswer.Newest): others end the flow.
	FrameClass FrameType = 7 // traffic class value of what is sent from here on
	FrameAlive FrameType = 8 // after value seconds without a word it has asked whether the far end is there
)

// FrameNewest is the newest type that this version reads.
const FrameNewest = FrameAlive

// FlowFrame is the header of one frame.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|     type      |        value (56 bits): length, offset,       |
//	+-+-+-+-+-+-+-+-+                                               +
//	|                       code, class or seconds                  |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  payload of a data frame …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type FlowFrame struct {
	Type  FrameType
	Value uint64 // data: length; ack, fin, limit, blocked: offset; rst: Code; class; alive: seconds
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
	case f.Type < FrameData || f.Type > FrameNewest,
		f.Type == FrameData && f.Value > MaxFrameData,
		(f.Type == FrameRst || f.Type == FrameAlive) && f.Value > 1<<16-1,
		f.Type == FrameClass && f.Value > 1<<8-1:
		return FlowFrame{}, ErrMalformed
	}
	return f, nil
}
