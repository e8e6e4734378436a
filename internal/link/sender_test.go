package link

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// offline is a link without a connection: only its queues work.
func offline() *Link {
	l := &Link{carrier: &fakeCarrier{most: startSize}}
	l.send.init()
	l.over.init()
	return l
}

// next returns what l sends next.
func next(l *Link, out []byte, max int) (d []byte, n int, over bool) {
	due := l.send.next(out, max, &l.over)
	return due.d, due.n, due.over
}

// startSize is the size of the largest datagram that fits where nothing else is said.
const startSize = 1163

// fakeCarrier is a carrier of which only the size is known.
type fakeCarrier struct {
	Carrier
	most int
}

func (c *fakeCarrier) MaxDatagram() int { return c.most }

func TestUrgentGoesFirstAndAClassKeepsItsOrder(t *testing.T) {
	l := offline()
	for i, c := range []Class{Bulk, Interactive, Urgent, Bulk, Urgent, Interactive, Class(99)} {
		if r := l.Send(c, []byte{byte(10 + i)}); r != packet.OK {
			t.Fatal(r)
		}
	}
	if got := unpacked(t, l, 1000); !bytes.Equal(got, []byte{12, 14, 11, 15, 10, 13, 16}) {
		t.Fatalf("got %v", got)
	}
	if d, n, _ := next(l, nil, 1000); n != 0 {
		t.Fatalf("there is more: %x", d)
	}
}

// unpacked returns the first bytes of the datagrams in what goes next, and checks that they are as
// many as said.
func unpacked(t *testing.T, l *Link, max int) (first []byte) {
	t.Helper()
	d, n, _ := next(l, make([]byte, 0, bufferSize), max)
	if len(d) > max {
		t.Errorf("%d bytes, %d allowed", len(d), max)
	}
	if n == 1 {
		return d[:1]
	}
	if d[0] != byte(proto.TypeBatch) {
		t.Fatalf("%d datagrams, and no batch: %x", n, d)
	}
	for rest := d[1:]; len(rest) > 0; {
		var err error
		if d, rest, err = proto.ParseBatch(rest); err != nil {
			t.Fatal(err)
		}
		first = append(first, d[0])
	}
	if len(first) != n {
		t.Errorf("%d datagrams, said to be %d", len(first), n)
	}
	return first
}

// What waits travels together as far as it fits; a heartbeat, whose size is the point, alone.
func TestBatches(t *testing.T) {
	l := offline()
	heartbeat := proto.AppendHeartbeat(nil, proto.Heartbeat{Nonce: 1}, 40)
	for _, d := range [][]byte{{10}, make([]byte, 94), {11}, heartbeat, {12}, {13}} {
		if r := l.Send(Bulk, d); r != packet.OK {
			t.Fatal(r)
		}
	}
	// 1 + (2+1) + (2+94) = 100 bytes: exactly two fit.
	for i, want := range [][]byte{{10, 0}, {11}, {byte(proto.TypeHeartbeat)}, {12, 13}} {
		if got := unpacked(t, l, 100); !bytes.Equal(got, want) {
			t.Errorf("%d: got %v, want %v", i, got, want)
		}
	}
}

func TestUnpackStopsAtWhatIsMalformed(t *testing.T) {
	l := offline()
	var got []byte
	h := &Handler{Datagram: func(_ *Link, d []byte) packet.Reason {
		got = append(got, d...)
		return packet.OK
	}}
	r := newReceiver(l, h)
	for _, d := range [][]byte{
		{0, 1, 20, 0, 2, 21, 22, 0},                 // cut short after two
		{0, 1, 23, 0, 0, 0, 1, 24},                  // an empty one
		{0, 1, 25, 0, 1, byte(proto.TypeBatch)},     // a batch
		{0, 1, 26, 0, 1, byte(proto.TypeHeartbeat)}, // a heartbeat
		{0, 1, 27, 0, 1, 28},                        // good
	} {
		r.unpack(d)
	}
	if want := []byte{20, 21, 22, 23, 25, 26, 27, 28}; !bytes.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
	if n := l.tally.reasons.Get(packet.Malformed); n != 4 {
		t.Errorf("%d malformed, want 4", n)
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
	for l.Send(Bulk, make([]byte, bufferSize+1)) == packet.OK {
		sent++
	}
	if want := oversizeQueue / (bufferSize + 1); sent != want {
		t.Errorf("%d wait, want %d", sent, want)
	}
	for range sent {
		d, n, over := next(l, nil, startSize)
		if len(d) != bufferSize+1 || n != 1 || !over {
			t.Fatalf("%d datagrams of %d bytes go next, for the oversize stream: %v", n, len(d), over)
		}
	}
	if r := l.Send(Bulk, make([]byte, bufferSize+1)); r != packet.OK {
		t.Errorf("after they have gone: %v", r)
	}
}

// payload is a datagram of session id, of n bytes.
func payload(id proto.SessionID, n int) []byte {
	return proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: id, Payload: make([]byte, n-proto.PayloadOverhead)})
}

// What a session says behind something too large for a datagram goes the same way, until the path
// is wide enough again or the session has been quiet.
func TestASessionKeepsItsOrderBehindALargeDatagram(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := offline()
		goes := func(id proto.SessionID, n, max int) (over bool) {
			t.Helper()
			if r := l.Send(Interactive, payload(id, n)); r != packet.OK {
				t.Fatal(r)
			}
			d, _, over := next(l, make([]byte, 0, bufferSize), max)
			if len(d) != n {
				t.Fatalf("%d bytes went, want %d", len(d), n)
			}
			return over
		}
		want := func(what string, got, want bool) {
			t.Helper()
			if got != want {
				t.Errorf("%s: over the oversize stream %v, want %v", what, got, want)
			}
		}
		want("a small one", goes(1, 100, 1200), false)
		want("a large one", goes(1, 1300, 1200), true)
		want("a small one behind it", goes(1, 100, 1200), true)
		want("another session's", goes(2, 100, 1200), false)
		time.Sleep(detourQuiet / 2)
		want("a small one soon", goes(1, 100, 1200), true)
		want("a large one that fits now", goes(1, 1300, 1400), true)
		_, _ = l.over.put(0, make([]byte, 1300))
		time.Sleep(detourQuiet + 1)
		want("after a pause, while the stream is busy", goes(1, 100, 1200), true)
		l.over.left.Store(0) // written
		time.Sleep(detourQuiet + 1)
		want("after a pause", goes(1, 100, 1200), false)
		want("a large one", goes(1, 1300, 1200), true)
		for range 11 {
			time.Sleep(detourQuiet / 2)
			goes(1, 100, 1200)
		}
		want("with none large for long", goes(1, 100, 1200), false)
	})
}

// What does not fit a datagram leaves the link in turns, as the rest does: one device that sends the
// largest there are neither fills the queue nor keeps the others' waiting.
func TestOwnersTakeTurnsOnTheOversizeStream(t *testing.T) {
	l := offline()
	flood := make([]byte, 60_000)
	put := func(o Owner, d []byte) packet.Reason {
		r, _ := l.over.put(o, d)
		return r
	}
	n := 0
	for put(1, flood) == packet.OK {
		n++
	}
	if n != 9 { // as much as is still free
		t.Errorf("one of several holds %d of %d bytes, want 9", n, len(flood))
	}
	for i := range byte(20) {
		if r := put(2, []byte{i}); r != packet.OK {
			t.Fatalf("another's: %v", r)
		}
	}
	var floods, small int
	for small < 20 {
		for d := range frames(l.over.take()) {
			if len(d) == len(flood) {
				floods++
				continue
			}
			if d[0] != byte(small) {
				t.Fatalf("number %d went in place %d", d[0], small)
			}
			small++
		}
	}
	if floods > 2 {
		t.Errorf("%d of the flood went before twenty small ones", floods)
	}
}

// What waits for one batch is not parted from what waits behind something large.
func TestABatchLeavesOutWhatIsOnTheDetour(t *testing.T) {
	l := offline()
	for _, d := range [][]byte{payload(1, 1300), payload(2, 100), payload(1, 100), payload(2, 100)} {
		if r := l.Send(Interactive, d); r != packet.OK {
			t.Fatal(r)
		}
	}
	for i, want := range []struct {
		n    int
		over bool
	}{{1, true}, {1, false}, {1, true}, {1, false}} {
		if _, n, over := next(l, make([]byte, 0, bufferSize), 1200); n != want.n || over != want.over {
			t.Errorf("step %d: %d datagrams, oversize %v; want %d, %v", i, n, over, want.n, want.over)
		}
	}
}

func TestSendDoesNotAllocate(t *testing.T) {
	l := offline()
	d := make([]byte, 1000)
	out := make([]byte, 0, bufferSize)
	if n := testing.AllocsPerRun(10_000, func() {
		l.Send(Interactive, d)
		next(l, out, bufferSize)
	}); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkSend(b *testing.B) {
	l := offline()
	d := make([]byte, 1100)
	out := make([]byte, 0, bufferSize)
	b.ReportAllocs()
	b.SetBytes(int64(len(d)))
	for b.Loop() {
		l.Send(Interactive, d)
		next(l, out, bufferSize)
	}
}
