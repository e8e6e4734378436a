package link

import (
	"fmt"
	"slices"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

const alice, bob Owner = 1, 2

// numbered returns a datagram of size bytes that says whose it is and its number.
func numbered(o Owner, n, size int) []byte {
	d := make([]byte, size)
	d[0], d[1], d[2], d[3] = 100, byte(o), byte(n>>8), byte(n)
	return d
}

// fill queues count datagrams of o, and wants each taken.
func fill(t *testing.T, l *Link, o Owner, c Class, count, size int) {
	t.Helper()
	for n := range count {
		if r := l.SendFor(o, c, numbered(o, n, size)); r != packet.OK {
			t.Fatalf("%d of owner %d: %v", n, o, r)
		}
	}
}

// drained takes up to limit datagrams, each of which it wants alone, and checks that each owner's
// come in their order.
func drained(t *testing.T, l *Link, limit int) (owners []Owner) {
	t.Helper()
	last := make(map[Owner]int)
	for len(owners) < limit {
		d, n, _ := next(l, make([]byte, 0, bufferSize), 0)
		if n == 0 {
			break
		}
		o, number := Owner(d[1]), int(d[2])<<8|int(d[3])
		if before, ok := last[o]; ok && number <= before {
			t.Fatalf("owner %d: %d after %d", o, number, before)
		}
		last[o], owners = number, append(owners, o)
	}
	return owners
}

func count(owners []Owner, o Owner) (n int) {
	for _, x := range owners {
		if x == o {
			n++
		}
	}
	return n
}

// Two who both want all get half of the bytes each, whatever the sizes and classes: a flood
// of pings does not keep another's bulk waiting.
func TestOwnersShareByBytes(t *testing.T) {
	for _, c := range []struct {
		of           string
		alice, bob   Class
		small, large int
	}{
		{"bulk against bulk", Bulk, Bulk, 1436, 1436},
		{"small against large", Bulk, Bulk, 186, 1436},
		{"urgent against bulk", Urgent, Bulk, 186, 1436},
		{"urgent against interactive", Urgent, Interactive, 186, 186},
	} {
		t.Run(c.of, func(t *testing.T) {
			l := offline()
			l.carrier = &fakeCarrier{most: bufferSize}
			fill(t, l, alice, c.alice, queueLen/2, c.small)
			fill(t, l, bob, c.bob, queueLen/2, c.large)
			owners := drained(t, l, 400)
			a, b := count(owners, alice)*(c.small+entryCost), count(owners, bob)*(c.large+entryCost)
			if a-b > 2*quantum || b-a > 2*quantum {
				t.Errorf("%d bytes of one, %d of the other", a, b)
			}
			if rest := drained(t, l, queueLen); len(rest)+len(owners) != queueLen {
				t.Errorf("%d and %d came of %d", len(owners), len(rest), queueLen)
			}
		})
	}
}

// Who stays within the share waits for one datagram of a flood at most, in any class.
func TestWhoSendsLittleDoesNotWait(t *testing.T) {
	for _, c := range []Class{Urgent, Interactive, Bulk} {
		l := offline()
		fill(t, l, alice, Urgent, queueLen, 1000)
		drained(t, l, 100) // its quantum is spent, most of the time
		for n := range 10 {
			fill(t, l, bob, c, 1, 100)
			if got := drained(t, l, 3); !slices.Contains(got, bob) {
				t.Errorf("class %d, %d: went %v", c, n, got)
			}
		}
	}
}

// Within the shares the urgent goes first, whoever it is of.
func TestUrgencyHoldsWithinTheShares(t *testing.T) {
	l := offline()
	fill(t, l, alice, Bulk, 10, 1000)
	fill(t, l, bob, Bulk, 10, 1000)
	fill(t, l, 3, Interactive, 2, 100)
	fill(t, l, 4, Urgent, 2, 100)
	fill(t, l, 5, Urgent, 1, 100)
	if got := drained(t, l, 7); !slices.Equal(got, []Owner{4, 5, 4, 3, 3, alice, bob}) {
		t.Errorf("went %v", got)
	}
}

// What is the link's own spends no share.
func TestTheLinksOwnIsNotCharged(t *testing.T) {
	l := offline()
	fill(t, l, alice, Bulk, 10, 1000)
	fill(t, l, 0, Urgent, 10, 1000)
	got := drained(t, l, 100)
	if want := append(make([]Owner, 10), alice); !slices.Equal(got[:11], want) {
		t.Errorf("went %v, want %v first", got, want)
	}
}

// An owner that has sent its share and has nothing waiting any more does not come back with a fresh
// one.
func TestComingBackDoesNotRenewTheShare(t *testing.T) {
	l := offline()
	fill(t, l, bob, Urgent, 100, 1000)
	got := make([]Owner, 0, 60)
	for range 60 {
		if l.send.queue.others.find(alice) == nil || l.send.queue.others.find(alice).waiting == 0 {
			fill(t, l, alice, Urgent, 1, 1000)
		}
		got = append(got, drained(t, l, 1)...)
	}
	if a, b := count(got, alice), count(got, bob); a > b+2 {
		t.Errorf("%d of the one who comes and goes, %d of the one who waits", a, b)
	}
}

// A full class takes what one owner has too much, the newest first, and counts it on the link.
func TestAFullClassTakesFromWhoHasMost(t *testing.T) {
	l := offline()
	fill(t, l, alice, Urgent, queueLen-2, 100)
	fill(t, l, bob, Urgent, 2, 100)
	if r := l.SendFor(alice, Urgent, numbered(alice, 2000, 100)); r != packet.QueueFull {
		t.Errorf("of who has most: %v", r)
	}
	if n := l.tally.reasons.Get(packet.QueueFull); n != 0 {
		t.Errorf("the link counted %d that were refused: their sender does", n)
	}
	for n := range 10 {
		if r := l.SendFor(bob, Urgent, numbered(bob, 2+n, 100)); r != packet.OK {
			t.Errorf("of who has little: %v", r)
		}
	}
	if n := l.tally.reasons.Get(packet.QueueFull); n != 10 {
		t.Errorf("%d made room, want 10", n)
	}
	got := drained(t, l, 2*queueLen)
	if a, b := count(got, alice), count(got, bob); a != queueLen-12 || b != 12 {
		t.Errorf("%d and %d were left, want %d and 12", a, b, queueLen-12)
	}
}

// As many owners as datagrams: nobody has too much, and the last one is refused.
func TestAFullClassOfEqualsRefuses(t *testing.T) {
	l := offline()
	for n := range queueLen {
		fill(t, l, Owner(n+1), Bulk, 1, 100)
	}
	if r := l.SendFor(queueLen+1, Bulk, numbered(1, 1, 100)); r != packet.QueueFull {
		t.Errorf("one more: %v", r)
	}
	for o := range Owner(queueLen) {
		if d, _, _ := next(l, nil, 0); d[1] != byte(o+1) {
			t.Fatalf("went %d, want %d", d[1], byte(o+1))
		}
	}
}

// More owners than there can be devices, beside one that never stops: what is remembered of them is
// bounded, in one round, too, and the one gets no more than a share.
func TestOwnersAreBounded(t *testing.T) {
	l := offline()
	fill(t, l, 1<<20, Urgent, 2, 1000)
	for n := range 1 << 16 {
		o := Owner(n + 1)
		if r := l.SendFor(o, Class(n%int(numClasses)), numbered(o, 0, 1000)); r != packet.OK {
			t.Fatalf("owner %d: %v", o, r)
		}
		if _, n, _ := next(l, nil, 0); n != 1 {
			t.Fatal("nothing went")
		}
	}
	q := &l.send.queue
	if q.others.n > maxSharers || q.waiting != 2 {
		t.Errorf("%d owners are remembered, %d datagrams wait", q.others.n, q.waiting)
	}
	drained(t, l, 10)
	if n := q.others.n; n > maxSharers {
		t.Errorf("%d owners are remembered", n)
	}
}

// check counts what waits: what the queue says of it must hold.
func (q *fairQueue) check(t *testing.T) {
	t.Helper()
	total := 0
	for c := range q.classes {
		cq := &q.classes[c]
		longest, n := 0, 0
		for _, l := range []*list[backlog]{&cq.turn, &cq.spent} {
			for b := l.first; b != nil; b = b.next {
				entries := 0
				for e := b.of.entries.first; e != nil; e = e.next {
					entries++
				}
				if entries != b.of.n || entries == 0 {
					t.Fatalf("class %d: a backlog of %d says %d", c, entries, b.of.n)
				}
				longest, n = max(longest, entries), n+entries
			}
		}
		if longest != cq.longest || n != cq.n {
			t.Fatalf("class %d: longest %d, says %d; %d wait, says %d", c, longest, cq.longest, n, cq.n)
		}
		total += n
	}
	if total != q.waiting {
		t.Fatalf("%d wait, says %d", total, q.waiting)
	}
}

func FuzzFairQueue(f *testing.F) {
	f.Add([]byte{1, 2, 3, 0, 0, 0, 0})
	f.Add([]byte("\x01\x01\x41\x81\x00\x02\x42\x00\x00\x00\x00"))
	f.Fuzz(func(t *testing.T, ops []byte) {
		l := offline()
		in, out := 0, 0
		for i, op := range ops {
			if op&3 == 0 {
				if _, n, _ := next(l, nil, 0); n > 0 {
					out++
				}
			} else {
				for range 1 + int(op>>6)*200 {
					if l.SendFor(Owner(op>>2&15), Class(op&3-1), numbered(1, i, 4+int(op>>4)*50)) == packet.OK {
						in++
					}
				}
			}
			l.send.queue.check(t)
		}
		out += int(l.tally.reasons.Get(packet.QueueFull))
		for n := 1; n > 0; {
			_, n, _ = next(l, nil, 0)
			out += n
		}
		if in != out || l.send.queue.waiting != 0 {
			t.Errorf("%d came, %d went, %d wait", in, out, l.send.queue.waiting)
		}
	})
}

// Nothing is allocated while one floods and hundreds come and go.
func TestSharingDoesNotAllocate(t *testing.T) {
	l := offline()
	d, out := make([]byte, 1000), make([]byte, 0, bufferSize)
	n := 0
	pass := func() {
		n++
		l.SendFor(1<<20, Urgent, d)
		l.SendFor(Owner(n%5000)+1, Class(n%int(numClasses)), d)
		next(l, out, bufferSize)
	}
	for range 20_000 {
		pass()
	}
	if allocs := testing.AllocsPerRun(20_000, pass); allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func BenchmarkSendFor(b *testing.B) {
	for _, owners := range []int{1, 1000, 1 << 16} {
		b.Run(fmt.Sprint(owners), func(b *testing.B) {
			l := offline()
			d, out := make([]byte, 1100), make([]byte, 0, bufferSize)
			n := 0
			for range 512 {
				n++
				l.SendFor(Owner(n%owners)+1, Interactive, d)
			}
			b.ReportAllocs()
			for b.Loop() {
				n++
				l.SendFor(Owner(n%owners)+1, Interactive, d)
				next(l, out, bufferSize)
			}
		})
	}
}
