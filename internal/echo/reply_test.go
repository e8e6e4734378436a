package echo

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
)

var server4, server6 = netip.MustParseAddr("172.16.10.120"), netip.MustParseAddr("fd6f:6e65:7069:10::120")

// replyBuffer is what Windows writes for an IPv4 reply when the buffer lies at base.
func replyBuffer(base uint64, data []byte) []byte {
	b := make([]byte, replySize, replySize+len(data)+extra)
	copy(b, []byte{172, 16, 10, 120})
	binary.LittleEndian.PutUint16(b[12:], uint16(len(data)))
	binary.LittleEndian.PutUint64(b[16:], base+replySize)
	b[24], b[25] = 62, 0x48
	return append(b, data...)
}

func TestParseReply(t *testing.T) {
	const base = 0x1_0000_0000
	for _, data := range [][]byte{nil, []byte("x"), bytes.Repeat([]byte("y"), 65500)} {
		got, ok := parseReply(replyBuffer(base, data), base)
		if !ok || got.From != server4 || got.Status != 0 || got.TTL != 62 || got.TOS != 0x48 || !bytes.Equal(got.Data, data) {
			t.Errorf("%d bytes: %+v, %v", len(data), got, ok)
		}
	}
	far := replyBuffer(base, []byte("abc"))
	binary.LittleEndian.PutUint64(far[16:], base+41)
	if _, ok := parseReply(far, base); ok {
		t.Error("data behind the buffer was accepted")
	}
	binary.LittleEndian.PutUint64(far[16:], base-1)
	if _, ok := parseReply(far, base); ok {
		t.Error("data in front of the buffer was accepted")
	}
	empty := replyBuffer(base, nil)
	binary.LittleEndian.PutUint64(empty[16:], 0) // size 0: the pointer says nothing
	if got, ok := parseReply(empty, base); !ok || len(got.Data) != 0 {
		t.Errorf("size 0: %+v, %v", got, ok)
	}
}

func reply6Buffer(data []byte) []byte {
	b := make([]byte, reply6Size, reply6Size+len(data))
	addr := server6.As16()
	copy(b[6:], addr[:])
	return append(b, data...)
}

func TestParseReply6(t *testing.T) {
	got, ok := parseReply6(reply6Buffer([]byte("hello")), 5)
	if !ok || got.From != server6 || got.Status != 0 || string(got.Data) != "hello" {
		t.Errorf("%+v, %v", got, ok)
	}
	if _, ok := parseReply6(reply6Buffer([]byte("hell")), 5); ok {
		t.Error("a reply shorter than the request was accepted")
	}
	b := reply6Buffer(nil)
	binary.LittleEndian.PutUint32(b[28:], StatusTTLTransit)
	if got, ok := parseReply6(b, 5); !ok || got.Status != StatusTTLTransit || len(got.Data) != 0 {
		t.Errorf("an error: %+v, %v", got, ok)
	}
}

func FuzzParseReply(f *testing.F) {
	good := replyBuffer(1000, []byte("hello"))
	for n := range len(good) + 1 {
		f.Add(good[:n], uint64(1000), 5)
	}
	f.Fuzz(func(_ *testing.T, b []byte, base uint64, size int) {
		parseReply(b, base)
		parseReply6(b, min(max(size, 0), 1<<16)) // what a request can hold
	})
}
