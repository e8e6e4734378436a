package icmp

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

func TestReplyGoesToItsClient(t *testing.T) {
	b := newBench(t, Config{})
	_, a := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, TTL: 62, Payload: []byte("alice")})
	_, c := b.ask(packet.Echo{Src: bob4, Dst: server4, Ident: 7, Seq: 1, TTL: 62, Payload: []byte("bob")})
	if a.Ident != 7 || c.Ident == 7 {
		t.Fatalf("identifiers %d, %d: the first is free, the second is not", a.Ident, c.Ident)
	}
	for _, want := range []struct {
		out     Outer
		client  netip.Addr
		payload string
	}{{c, bob4, "bob"}, {a, alice4, "alice"}} {
		b.reply(&reply{out: want.out, from: server4, seq: 1, ttl: 60, tos: 0x48, payload: []byte(want.payload)})
		p := b.took()
		got := []any{p.Src, p.Dst, p.Ident, p.Seq, p.TTL, p.TOS, p.IsEchoReply(), string(p.Payload())}
		exp := []any{server4, want.client, uint16(7), uint16(1), uint8(59), uint8(0x48), true, want.payload}
		for i := range got {
			if got[i] != exp[i] {
				t.Errorf("reply to %s: got %v, want %v", want.client, got, exp)
				break
			}
		}
	}
	if got := b.host.LastTTL(server4); got != 60 {
		t.Errorf("seen TTL %d, want 60", got)
	}
}

func TestOwnAddressKeepsItsTTL(t *testing.T) {
	b := newBench(t, Config{})
	_, out := b.ask(packet.Echo{Src: alice4, Dst: self4, Ident: 7, TTL: 1})
	b.reply(&reply{out: out, from: self4, ttl: 64})
	if p := b.took(); p.TTL != 64 {
		t.Errorf("TTL %d, want 64: this host did not cross itself", p.TTL)
	}
}

func TestUnsolicited(t *testing.T) {
	for name, change := range map[string]func(a *reply){
		"another host":       func(a *reply) { a.from = router4 },
		"another sequence":   func(a *reply) { a.seq++ },
		"another identifier": func(a *reply) { a.out.Ident++ },
		"another family":     func(a *reply) { a.out.V6 = true },
		"another payload":    func(a *reply) { a.payload = []byte("forged!") },
	} {
		b := newBench(t, Config{})
		_, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, Payload: []byte("genuine")})
		a := &reply{out: out, from: server4, seq: 1, ttl: 60, payload: []byte("genuine")}
		change(a)
		b.reply(a)
		if len(b.back) != 0 || b.counters.Get(packet.Unsolicited) != 1 {
			t.Errorf("%s: %d delivered, %v", name, len(b.back), b.counters.Snapshot())
		}
	}
}

// A reply is what answers a request: a payload that was damaged, cut or made longer on its way is for
// who asked to see. Only one that has little in common with what was sent may be for another program
// of this host, unless there is none.
func TestReplyIsNotItsPayload(t *testing.T) {
	sent := make([]byte, 56)
	for i := range sent {
		sent[i] = byte(i)
	}
	change := func(f func(b []byte) []byte) []byte { return f(bytes.Clone(sent)) }
	for name, c := range map[string]struct {
		payload      []byte
		shared, mine bool // delivered beside other programs, and where there is none
	}{
		"the same":   {sent, true, true},
		"one bit":    {change(func(b []byte) []byte { b[30] ^= 1; return b }), true, true},
		"first byte": {change(func(b []byte) []byte { b[0] ^= 0xff; return b }), true, true},
		"half":       {change(func(b []byte) []byte { clear(b[28:]); return b }), true, true},
		"more":       {change(func(b []byte) []byte { clear(b[20:]); return b }), false, true},
		"zero":       {make([]byte, 56), false, true},
		"cut":        {sent[:3], true, true},
		"nothing":    {nil, true, true},
		"longer":     {append(bytes.Clone(sent), make([]byte, 100)...), true, true},
		"wrong, cut": {[]byte{9, 9, 9, 9}, false, true},
	} {
		for _, alone := range []bool{false, true} {
			b := newBench(t, Config{})
			b.fake.alone = alone
			_, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, Payload: sent})
			b.reply(&reply{out: out, from: server4, seq: 1, ttl: 60, payload: c.payload})
			p, want := b.took(), c.shared || alone && c.mine
			if got := p.Raw != nil; got != want || got && !bytes.Equal(p.Payload(), c.payload) || b.counters.Get(packet.Unsolicited) == 0 != want {
				t.Errorf("%s, alone %v: %+v, counted %v", name, alone, p, b.counters.Snapshot())
			}
		}
	}
}

// Of two requests that both could have been answered the one is that was sent so.
func TestReplyOfTheLikest(t *testing.T) {
	b := newBench(t, Config{})
	_, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, Payload: []byte("first payload")})
	b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, Payload: []byte("other payload")})
	b.reply(&reply{out: out, from: server4, seq: 1, ttl: 60, payload: []byte("first payload")})
	b.took()
	m := b.outer[out]
	if m.ring.Newest(0).done || !m.ring.Newest(1).done {
		t.Error("the newer request was taken for the one that was answered")
	}
}

// What records the way goes out and comes back; where the system cannot send it, the request goes without,
// and that is counted.
func TestRecordsCross(t *testing.T) {
	route := []byte{7, 11, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0}
	for _, forgetful := range []bool{false, true} {
		b := newBench(t, Config{})
		b.fake.forgetful = forgetful
		p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, TTL: 9, Options: append([]byte{148, 4, 0, 0}, route...)})
		if v := b.Send(&p, 8); v.Reason != packet.OK {
			t.Fatal(v)
		}
		want, lost := route, uint64(0)
		if forgetful {
			want, lost = nil, 1
		}
		if got := b.counters.Get(packet.OptionsLost); !bytes.Equal(b.fake.options, want) || got != lost {
			t.Errorf("forgetful %v: sent %x, %d lost", forgetful, b.fake.options, got)
		}
		b.reply(&reply{out: Outer{Ident: 7}, from: server4, seq: 1, ttl: 60, options: append([]byte{1}, route[:11]...)})
		back := b.took()
		if got := back.Raw[20:back.Hdr]; !bytes.Equal(got, route) {
			t.Errorf("came back with %x", got)
		}
	}
}

// This host itself is in the route of a ping to it twice, as the destination that it is.
func TestRecordsOfThisHost(t *testing.T) {
	b := newBench(t, Config{})
	p := echoOf(t, packet.Echo{Src: alice4, Dst: self4, Ident: 7, Seq: 1, TTL: 9, Options: []byte{7, 15, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0}})
	if v := b.Send(&p, 8); v.Reason != packet.OK || b.fake.options != nil {
		t.Fatalf("%v, sent with %x", v, b.fake.options)
	}
	b.reply(&reply{out: Outer{Ident: 7}, from: self4, seq: 1, ttl: 64})
	back, self := b.took(), self4.As4()
	if got, want := back.Raw[20:back.Hdr], slices.Concat([]byte{7, 15, 16, 9, 9, 9, 9}, self[:], self[:], []byte{0}); !bytes.Equal(got, want) {
		t.Errorf("came back with %x, want %x", got, want)
	}
}

func TestReplyCutShort(t *testing.T) { // some hosts return less than they were sent
	b := newBench(t, Config{})
	_, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Payload: bytes.Repeat([]byte("x"), 1000)})
	b.reply(&reply{out: out, from: server4, ttl: 60, payload: []byte("xxxx")})
	if p := b.took(); string(p.Payload()) != "xxxx" {
		t.Errorf("payload %q", p.Payload())
	}
}

func TestReplyExpires(t *testing.T) {
	b := newBench(t, Config{})
	_, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7})
	b.reply(&reply{out: out, from: server4, ttl: 1})
	if len(b.back) != 0 || b.counters.Get(packet.TTLExpired) != 1 {
		t.Errorf("%d delivered, %v", len(b.back), b.counters.Snapshot())
	}
}

func TestRequestsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		_, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1})
		time.Sleep(50 * time.Second)
		b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 2})
		time.Sleep(11 * time.Second)
		b.reply(&reply{out: out, from: server4, seq: 1, ttl: 60}) // 61 s old
		b.reply(&reply{out: out, from: server4, seq: 2, ttl: 60}) // 11 s old
		if p := b.took(); p.Seq != 2 {
			t.Errorf("sequence %d, want 2", p.Seq)
		}
		if b.counters.Get(packet.Unsolicited) != 1 {
			t.Errorf("counted %v", b.counters.Snapshot())
		}
	})
}

// Of answered requests the last 64 are remembered (a second reply is a duplicate that tools want to
// see); those that wait for an answer make room for more.
func TestRingRemembers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		var out Outer
		ask := func(seq int) {
			_, out = b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: uint16(seq)})
		}
		replies := func(seq int) int {
			before := len(b.back)
			b.reply(&reply{out: out, from: server4, seq: uint16(seq), ttl: 60})
			return len(b.back) - before
		}
		for i := range ringSize + 1 {
			ask(i)
			if replies(i) != 1 {
				t.Fatalf("reply %d did not pass", i)
			}
		}
		if replies(0) != 0 || replies(1) != 1 || replies(ringSize) != 1 {
			t.Error("not exactly the last 64 answered requests were remembered")
		}
		first := 1000
		for i := range ringMost + 1 {
			ask(first + i)
		}
		if b.spare != ringSpare-(ringMost-ringSize) {
			t.Errorf("room for %d left, want %d", b.spare, ringSpare-(ringMost-ringSize))
		}
		if replies(first) != 0 {
			t.Error("the 1025th last request was remembered")
		}
		for i := 1; i <= ringMost; i++ {
			if replies(first+i) != 1 {
				t.Fatalf("reply %d of %d that wait did not pass", i, ringMost)
			}
		}
		time.Sleep(2 * Lifetime)
		b.expire(time.Now())
		if b.spare != ringSpare || b.Mappings() != 0 {
			t.Errorf("room for %d and %d mappings after the end, want %d and 0", b.spare, b.Mappings(), ringSpare)
		}
	})
}

// Nobody waits for what is ten seconds old, and nothing grows beyond the common room.
func TestRingGrowsNoFurther(t *testing.T) {
	now := time.Unix(1000, 0)
	p := packet.Packet{Raw: make([]byte, 28), Hdr: 20}
	none, some := 0, 10
	for name, c := range map[string]struct {
		room  *int
		after time.Duration
		want  int
	}{
		"no room":  {&none, 0, ringSize},
		"some":     {&some, 0, ringSize + 10},
		"too late": {&some, ringWait, ringSize},
	} {
		m := mapping{ring: table.NewRing[request](ringSize)}
		for i := range 3 * ringSize {
			m.remember(&p, now.Add(time.Duration(i/ringSize)*c.after), c.room)
		}
		if m.ring.Len() != c.want {
			t.Errorf("%s: ring of %d, want %d", name, m.ring.Len(), c.want)
		}
		some = 10
	}
}

func TestFullPerClient(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		for i := range MaxPerClient {
			b.pinged(packet.Echo{Src: alice4, Dst: server4, Ident: uint16(i + 1)})
		}
		p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 9999})
		if v := b.Send(&p, 9); v != (packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}) {
			t.Errorf("newcomer: %v", v)
		}
		if b.fake.opened != MaxPerClient {
			t.Errorf("%d sockets opened for %d mappings", b.fake.opened, MaxPerClient)
		}
		b.ask(packet.Echo{Src: bob4, Dst: server4, Ident: 9999}) // another client
		time.Sleep(Lifetime)
		b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 9999}) // old ones make room
	})
}

func TestFullInAll(t *testing.T) {
	b := newBench(t, Config{MaxMappings: 2})
	b.pinged(packet.Echo{Src: alice4, Dst: server4, Ident: 1})
	b.pinged(packet.Echo{Src: bob4, Dst: server4, Ident: 1})
	p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 2})
	if v := b.Send(&p, 9); v.Reason != packet.TableFull {
		t.Errorf("newcomer: %v", v)
	}
	b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 1}) // those who are there go on
}

// Two clients have all mappings, each with a reply of the last minute. Another's ping is no affair
// of theirs.
func TestMappingsAreShared(t *testing.T) {
	b := newBench(t, Config{MaxMappings: 20})
	hogs := []netip.Addr{alice4, bob4}
	for i := range 20 {
		b.pinged(packet.Echo{Src: hogs[i%2], Dst: server4, Ident: uint16(i)})
	}
	carol := netip.MustParseAddr("100.96.0.3")
	for i := range 6 {
		b.pinged(packet.Echo{Src: carol, Dst: server4, Ident: uint16(i)})
		for _, hog := range hogs { // at its share
			p := echoOf(t, packet.Echo{Src: hog, Dst: server4, Ident: 999})
			if v := b.Send(&p, 9); v != (packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable}) {
				t.Errorf("another of %v: %v", hog, v)
			}
		}
	}
	p := echoOf(t, packet.Echo{Src: carol, Dst: server4, Ident: 6})
	if v := b.Send(&p, 9); v.Reason != packet.TableFull { // a share of three, no more
		t.Errorf("beyond the share: %v", v)
	}
	if n, sockets, made := b.Mappings(), len(b.fake.used), b.counters.Get(packet.Superseded); n != 20 || sockets != 20 || made != 6 {
		t.Errorf("%d mappings, %d sockets, %d superseded; want 20, 20, 6", n, sockets, made)
	}
}

// What is open for a client whose device has ended goes at once, with its sockets.
func TestEndClient(t *testing.T) {
	b := newBench(t, Config{})
	_, out := b.pinged(packet.Echo{Src: alice4, Dst: server4, Ident: 1})
	b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 2})
	b.pinged(packet.Echo{Src: bob4, Dst: server4, Ident: 1})
	room := b.spare
	for i := range 2 * ringSize { // grows the ring
		b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 2, Seq: uint16(i)})
	}
	b.EndClient(alice4)
	if n, sockets := b.Mappings(), len(b.fake.used); n != 1 || sockets != 1 || b.spare != room {
		t.Errorf("%d mappings, %d sockets, room %d; want 1, 1, %d", n, sockets, b.spare, room)
	}
	b.reply(&reply{out: out, from: server4, ttl: 60})
	if p := b.took(); p.Raw != nil || b.counters.Get(packet.Unsolicited) != 1 {
		t.Error("a reply reached a client that has ended")
	}
}

// A sweep takes a new identifier for each address. It gets no more sockets than its share, keeps
// the client's own pings neither out nor waiting, and those of others not either.
func TestSweepMakesRoomForItself(t *testing.T) {
	b := newBench(t, Config{})
	first, out := b.pinged(packet.Echo{Src: alice4, Dst: server4, Ident: 1, Seq: 1})
	b.ask(packet.Echo{Src: bob4, Dst: server4, Ident: 1}) // has no answer yet
	const sweep = 10 * MaxPerClient
	for i := range sweep {
		b.ask(packet.Echo{Src: alice4, Dst: netip.AddrFrom4([4]byte{172, 17, byte(i >> 8), byte(i)}), Ident: uint16(1000 + i)})
	}
	if n, sockets := b.Mappings(), len(b.fake.used); n != MaxPerClient+1 || sockets != n {
		t.Errorf("%d mappings, %d sockets, want %d", n, sockets, MaxPerClient+1)
	}
	if n := b.counters.Get(packet.Superseded); n != sweep-(MaxPerClient-1) {
		t.Errorf("%d superseded, want %d", n, sweep-(MaxPerClient-1))
	}
	b.reply(&reply{out: out, from: server4, seq: 1, ttl: 60}) // a duplicate
	if p := b.took(); p.Ident != first.Ident {
		t.Error("the mapping of a ping that is answered is gone")
	}
	for i := range sweep { // each new ping is answered while the sweep goes on
		b.ask(packet.Echo{Src: alice4, Dst: netip.AddrFrom4([4]byte{172, 18, byte(i >> 8), byte(i)}), Ident: uint16(10_000 + i)})
		if i%100 == 0 {
			b.pinged(packet.Echo{Src: alice4, Dst: server4, Ident: uint16(50_000 + i)})
		}
	}
	if _, ok := b.table.Get(key{bob4, 1}); !ok {
		t.Error("another client's mapping made room although the sweep has its own")
	}
}

func TestOpenFails(t *testing.T) {
	for err, want := range map[error]packet.Reason{errBusy: packet.TableFull, errors.New("no"): packet.ICMPOff} {
		b := newBench(t, Config{})
		b.fake.openErr = err
		p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 1})
		if v := b.Send(&p, 9); v.Reason != want || b.Mappings() != 0 {
			t.Errorf("%v: %v, %d mappings, want %v and none", err, v, b.Mappings(), want)
		}
	}
}

// A host that closes ICMP after the start is found out by the next mapping, and found open again
// when somebody asks.
func TestClosedMeanwhile(t *testing.T) {
	b := newBench(t, Config{})
	ask := func(ident uint16) packet.Reason {
		p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: ident})
		return b.Send(&p, 9).Reason
	}
	if r, err := ask(1), b.Off(); r != packet.OK || err != nil {
		t.Errorf("open: %v, %v", r, err)
	}
	off := newOff(errors.New("permission denied"), "open it")
	b.fake.openErr = off
	if r, err := ask(2), b.Off(); r != packet.ICMPOff || !errors.Is(err, off) {
		t.Errorf("closed: %v, %v", r, err)
	}
	b.fake.openErr = nil
	if err := b.Off(); err != nil {
		t.Errorf("open again: %v", err)
	}
	b.fake.openErr = off
	if r := ask(3); r != packet.ICMPOff {
		t.Errorf("closed again: %v", r)
	}
	b.fake.openErr = nil
	if r := ask(4); r != packet.OK || b.shut.Load() != nil {
		t.Errorf("a mapping that opens says so: %v, %v", r, b.shut.Load())
	}
}

func TestRunExpiresAndFrees(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBench(t, Config{})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Run(ctx) }()
		b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 1})
		time.Sleep(30 * time.Second)
		b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 2})
		time.Sleep(35 * time.Second)
		if got := b.Mappings(); got != 1 {
			t.Errorf("%d mappings after 65 s, want the one of 35 s ago", got)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
		if len(b.fake.used) != 0 {
			t.Errorf("%d identifiers not released", len(b.fake.used))
		}
	})
}

func BenchmarkRoundTrip(b *testing.B) {
	n := newBench(&testing.T{}, Config{})
	n.cfg.Back = deaf{n}
	var p packet.Packet
	packet.Parse(packet.AppendEcho(nil, &packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, Payload: make([]byte, 56)}), &p)
	a := &reply{out: Outer{Ident: 7}, from: server4, seq: 1, ttl: 60, payload: make([]byte, 56)}
	b.ReportAllocs()
	for b.Loop() {
		n.fake.sent = n.fake.sent[:0]
		n.Send(&p, 9)
		n.reply(a)
	}
}
