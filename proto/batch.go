package proto

import "encoding/binary"

// BatchHeader is what stands before the first datagram of a batch, BatchOverhead before each.
const (
	BatchHeader   = 1
	BatchOverhead = 2
)

// AppendBatched appends the datagram d to the batch b, which starts as an empty slice.
//
// A batch carries several small datagrams in one: what a QUIC stack does for
// each packet costs more than what it does for each byte, and its queues count
// datagrams. It holds neither heartbeats, whose size is the point, nor batches.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|   type = 6    |            length             |  datagram …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|            length             |  datagram …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
func AppendBatched(b, d []byte) []byte {
	if len(b) == 0 {
		b = append(b, byte(TypeBatch))
	}
	return append(binary.BigEndian.AppendUint16(b, uint16(len(d))), d...)
}

// ParseBatch returns the datagrams of a batch without its type byte, one at a
// time: the first of rest, and what follows it. An empty datagram, a batch or a
// heartbeat inside is malformed.
func ParseBatch(rest []byte) (d, next []byte, err error) {
	if len(rest) < BatchOverhead {
		return nil, nil, ErrShort
	}
	n := int(binary.BigEndian.Uint16(rest))
	if rest = rest[BatchOverhead:]; len(rest) < n {
		return nil, nil, ErrShort
	}
	if n == 0 || DatagramType(rest[0]) == TypeBatch || DatagramType(rest[0]) == TypeHeartbeat {
		return nil, nil, ErrMalformed
	}
	return rest[:n], rest[n:], nil
}
