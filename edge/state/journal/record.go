package journal

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"math"
)

// Op is what a record says of its key.
type Op uint8

// What stands in a record.
const (
	Begin  Op = iota // the first record of a file: what there is before the next
	Put              // the key has this value
	Delete           // the key is gone
	Note             // a number that is to be remembered with the state, under the key's name
)

// Record is one change of one key.
type Record struct {
	Revision uint64 // of the store, after it
	Op       Op
	Key      string
	Value    []byte // of Put; of Note 64 bits
}

// Sum stands for a set of keys and values: the exclusive or of the first 16 bytes of the SHA-256 of
// each. Two sets that differ have different sums, in whatever order they came about.
type Sum [16]byte

// toggle takes a key with its value into the set, or out of it.
func (s *Sum) toggle(key string, value []byte) {
	h := sha256.New()
	_, _ = h.Write(binary.BigEndian.AppendUint16(nil, uint16(len(key))))
	_, _ = h.Write([]byte(key))
	_, _ = h.Write(value)
	for i, b := range h.Sum(nil)[:len(s)] {
		s[i] ^= b
	}
}

// framed is a record as it stands in a file: with what there is after it.
type framed struct {
	Record
	count uint32 // keys
	sum   Sum    // of them
}

// A file is eight bytes that say which it is, and records. Integers are big-endian.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+---------------------------------------------------------------+
//	|                     mark "op r 1": 6f 70 72 31                 |
//	+---------------------------------------------------------------+
//	|                CRC-32C of all that follows                     |
//	+---------------------------------------------------------------+
//	|                length of the value, bytes                      |
//	+-------------------------------+---------------+---------------+
//	|      length of the key        |      op       |       0       |
//	+-------------------------------+---------------+---------------+
//	|                    revision, 64 bits                           |
//	|                                                                |
//	+---------------------------------------------------------------+
//	|               keys that there are after this                   |
//	+---------------------------------------------------------------+
//	|               their sum, 128 bits                              |
//	|                              …                                 |
//	+---------------------------------------------------------------+
//	|   key …                       |   value …                      |
//	+-------------------------------+--------------------------------+
//
// Keys after it, and their sum, are the chain: a record that is missing in the middle shows in the
// next. Zeros behind the last record are room for more. In the snapshot each record has its own
// key's revision, the first that of the whole, and a SHA-256 of all before it is the end.
const (
	recordMark   = 0x6f707231
	recordHeader = 4 + 4 + 4 + 2 + 1 + 1 + 8 + 4 + 16

	maxKey   = math.MaxUint16
	maxValue = 64 << 20
)

// size is how long a record of that key and value is in a file.
func size(key string, value []byte) int64 { return recordHeader + int64(len(key)) + int64(len(value)) }

// appendRecord adds r to b.
func appendRecord(b []byte, r *framed) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint32(b, recordMark)
	b = append(b, 0, 0, 0, 0)
	b = binary.BigEndian.AppendUint32(b, uint32(len(r.Value)))
	b = binary.BigEndian.AppendUint16(b, uint16(len(r.Key)))
	b = append(b, byte(r.Op), 0)
	b = binary.BigEndian.AppendUint64(b, r.Revision)
	b = binary.BigEndian.AppendUint32(b, r.count)
	b = append(b, r.sum[:]...)
	b = append(b, r.Key...)
	b = append(b, r.Value...)
	binary.BigEndian.PutUint32(b[at+4:], checksum(b[at+8:]))
	return b
}

// parseRecord reads the record at the beginning of b and returns its length, 0 where there is none.
// The value is b's own memory.
func parseRecord(b []byte) (r framed, n int) {
	if len(b) < recordHeader || binary.BigEndian.Uint32(b) != recordMark {
		return framed{}, 0
	}
	value, key := binary.BigEndian.Uint32(b[8:]), int(binary.BigEndian.Uint16(b[12:]))
	if value > maxValue || len(b) < recordHeader+key+int(value) {
		return framed{}, 0
	}
	n = recordHeader + key + int(value)
	r.Op = Op(b[14])
	if r.Op > Note || b[15] != 0 || checksum(b[8:n]) != binary.BigEndian.Uint32(b[4:]) {
		return framed{}, 0
	}
	r.Revision, r.count, r.sum = binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint32(b[24:]), Sum(b[28:])
	r.Key = string(b[recordHeader : recordHeader+key])
	if r.Op == Put || r.Op == Note {
		r.Value = b[recordHeader+key : n : n]
	}
	return r, n
}

func checksum(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }
