package flow

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
)

func newTestBuffer() (*recvBuffer, *Holding) {
	h := NewBudget(0).Open("alice", addr1, addr2, nil)
	return newRecvBuffer(h.buffers(), h), h
}

// Bytes come out as they went in, whatever the sizes of reads and writes, and an empty receive
// buffer holds no memory.
func TestReceiveBufferIsAFIFO(t *testing.T) {
	q, h := newTestBuffer()
	want := make([]byte, 3<<20)
	for i := range want {
		want[i] = byte(rand.Uint32())
	}
	go func() {
		for rest := want; len(rest) > 0; {
			b := q.space(1 + rand.IntN(300<<10))
			n := copy(b[:1+rand.IntN(len(b))], rest)
			q.fill(n)
			rest = rest[n:]
		}
		q.finish(io.EOF)
	}()
	var got []byte
	for {
		b, err := q.next()
		if err != nil {
			if !errors.Is(err, io.EOF) {
				t.Error(err)
			}
			break
		}
		n := 1 + rand.IntN(len(b))
		got = append(got, b[:n]...)
		q.took(n)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%d bytes of %d came out, or others", len(got), len(want))
	}
	if n := h.held.Load(); n != 0 || q.size() != 0 {
		t.Errorf("empty, and holds %d bytes", n)
	}
}

func TestADroppedReceiveBufferTakesAndForgets(t *testing.T) {
	q, h := newTestBuffer()
	q.fill(copy(q.space(5), "first"))
	b, err := q.next()
	if err != nil || string(b) != "first" {
		t.Fatalf("%q, %v", b, err)
	}
	q.drop()
	for range 3 {
		q.fill(copy(q.space(largeBuffer), "later"))
	}
	if string(b) != "first" {
		t.Error("what is being written was overwritten")
	}
	q.took(len(b))
	if _, err := q.next(); !errors.Is(err, errDropped) {
		t.Errorf("then %v", err)
	}
	q.free()
	if n := h.held.Load(); n != 0 {
		t.Errorf("dropped, and holds %d bytes", n)
	}
}
