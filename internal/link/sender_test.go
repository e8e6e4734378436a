package link

import (
	"testing"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// offline is a link without a connection: only its queues work.
func offline() *Link {
	l := &Link{}
	l.send.init()
	l.over.init()
	l.mtu.size.Store(mtuStart)
	return l
}

func TestUrgentGoesFirstAndAClassKeepsItsOrder(t *testing.T) {
	l := offline()
	for i, c := range []Class{Bulk, Interactive, Urgent, Bulk, Urgent, Interactive, Class(99)} {
		if r := l.Send(c, []byte{byte(i)}); r != packet.OK {
			t.Fatal(r)
		}
	}
	want := []byte{2, 4, 1, 5, 0, 3, 6}
	var b *buffer
	for i, w := range want {
		if b = l.send.next(b); b == nil || b.n != 1 || b.b[0] != w {
			t.Fatalf("place %d: got %v, want %d", i, b, w)
		}
	}
	if b = l.send.next(b); b != nil {
		t.Fatal("there is more")
	}
}

func TestAFullClassRefusesAndLeavesOthersAlone(t *testing.T) {
	l := offline()
	d := make([]byte, 100)
	for range queueLen {
		if r := l.Send(Bulk, d); r != packet.OK {
			t.Fatal(r)
		}
	}
	if r := l.Send(Bulk, d); r != packet.QueueFull {
		t.Errorf("bulk: %v", r)
	}
	if r := l.Send(Urgent, d); r != packet.OK {
		t.Errorf("urgent: %v", r)
	}
	l.send.close()
	if r := l.Send(Urgent, d); r != packet.LinkDown {
		t.Errorf("closed: %v", r)
	}
}

func TestWhatDoesNotFitTakesTheOversizeStream(t *testing.T) {
	l := offline()
	if r := l.Send(Bulk, make([]byte, proto.MaxDatagram+1)); r != packet.TooLarge {
		t.Errorf("got %v", r)
	}
	if r := l.Send(Bulk, nil); r != packet.TooLarge {
		t.Errorf("empty: got %v", r)
	}
	sent := 0
	for l.Send(Bulk, make([]byte, mtuStart+1)) == packet.OK {
		sent++
	}
	if want := oversizeQueue / (mtuStart + 1 + 4); sent != want {
		t.Errorf("%d were queued, want %d", sent, want)
	}
	if n := len(l.over.take()); n != sent*(mtuStart+1+4) {
		t.Errorf("%d bytes queued", n)
	}
	if r := l.Send(Bulk, make([]byte, mtuStart+1)); r != packet.OK {
		t.Errorf("after taking: %v", r)
	}
	if b := l.send.next(nil); b != nil {
		t.Error("one went as a datagram")
	}
}

func TestSendDoesNotAllocate(t *testing.T) {
	l := offline()
	d := make([]byte, 1000)
	var b *buffer
	if n := testing.AllocsPerRun(10_000, func() {
		l.Send(Interactive, d)
		b = l.send.next(b)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkSend(b *testing.B) {
	l := offline()
	d := make([]byte, 1200)
	var out *buffer
	b.ReportAllocs()
	b.SetBytes(int64(len(d)))
	for b.Loop() {
		l.Send(Interactive, d)
		out = l.send.next(out)
	}
}
