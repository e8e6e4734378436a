package relay

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// withTTL returns the datagram of e with another TTL.
func withTTL(e packet.Echo, ttl uint8) []byte {
	e.TTL = ttl
	return echo(e)
}

// withTTL1 gives the IPv4 packet in d the TTL 1.
func withTTL1(d []byte) []byte {
	var p packet.Packet
	packet.Parse(d[1:], &p)
	p.SetTTL(1)
	return d
}

func TestPacketFromClient(t *testing.T) {
	req4 := packet.Echo{Src: alice4, Dst: server4, Ident: 77, Seq: 3, TTL: 9, TOS: 0x20, DF: true, ID: 4711, Payload: []byte("abcdefgh")}
	req6 := packet.Echo{Src: alice6, Dst: server6, Ident: 77, Seq: 3, TTL: 9, TOS: 0x20, Payload: []byte("abcdefgh")}
	to := func(e packet.Echo, dst netip.Addr) packet.Echo { e.Dst = dst; return e }
	from := func(e packet.Echo, src netip.Addr) packet.Echo { e.Src = src; return e }
	reply := func(e packet.Echo) []byte {
		return echo(packet.Echo{Src: e.Dst, Dst: e.Src, Ident: e.Ident, Seq: e.Seq, TOS: e.TOS, TTL: 64, Reply: true, Code: e.Code, Payload: e.Payload})
	}
	size := func(e packet.Echo, n int, df bool) packet.Echo {
		e.Payload, e.DF = make([]byte, n), df
		return e
	}
	hop := func(v6 bool) netip.Addr {
		if v6 {
			return hop6
		}
		return hop4
	}
	answer := func(e packet.Echo, typ, code uint8, mtu uint32) []byte {
		return icmpError(t, packet.Error{Src: hop(e.Dst.Is6()), Type: typ, Code: code, TTL: 64, MTU: mtu}, echo(e))
	}
	udp := packet.AppendUDP([]byte{byte(proto.TypePacket)}, &packet.UDPPacket{Src: netip.AddrPortFrom(alice4, 1), Dst: netip.AddrPortFrom(server4, 53), TTL: 1})

	other := func(e packet.Echo, proto byte) []byte { return withProtocol(echo(e), proto) }
	mask := func(e packet.Echo) []byte { b := echo(e); b[1+20] = 17; return b }
	timestamp := func(e packet.Echo) packet.Echo {
		e.Timestamp = true
		if len(e.Payload) == 8 {
			e.Payload = make([]byte, 12)
		}
		return e
	}
	code := func(e packet.Echo, n uint8) packet.Echo { e.Code = n; return e }

	tests := []struct {
		name    string
		cfg     Config
		in      []byte
		reason  packet.Reason
		forward []byte // to the connector
		back    []byte // to the client
		denied  bool
	}{
		{name: "v4 forwarded", in: echo(req4), forward: withTTL(req4, 8)},
		{name: "v6 forwarded", in: echo(req6), forward: withTTL(req6, 8)},
		{name: "trailing bytes are cut", in: append(echo(req4), 1, 2, 3), forward: withTTL(req4, 8)},
		{name: "TTL 2 leaves with 1", in: withTTL(req4, 2), forward: withTTL(req4, 1)},
		{name: "v4 spoofed", in: echo(from(req4, mallory)), reason: packet.Spoofed},
		{name: "v6 spoofed", in: echo(from(req6, netip.MustParseAddr("fd00:96::2"))), reason: packet.Spoofed},
		{name: "spoofed before TTL", in: withTTL(from(req4, mallory), 1), reason: packet.Spoofed},
		{name: "v4 TTL 1", in: withTTL(req4, 1), reason: packet.TTLExpired, back: answer(packet.Echo{Src: alice4, Dst: server4, Ident: 77, Seq: 3, TTL: 1, TOS: 0x20, DF: true, ID: 4711, Payload: []byte("abcdefgh")}, 11, 0, 0)},
		{name: "v6 TTL 1", in: withTTL(req6, 1), reason: packet.TTLExpired, back: answer(packet.Echo{Src: alice6, Dst: server6, Ident: 77, Seq: 3, TTL: 1, TOS: 0x20, Payload: []byte("abcdefgh")}, 3, 0, 0)},
		{name: "TTL before policy", in: withTTL(to(req4, denied4), 1), reason: packet.TTLExpired, back: answer(packet.Echo{Src: alice4, Dst: denied4, Ident: 77, Seq: 3, TTL: 1, TOS: 0x20, DF: true, ID: 4711, Payload: []byte("abcdefgh")}, 11, 0, 0)},
		{name: "no hop address in the family", cfg: Config{Hops: []netip.Addr{hop6}}, in: withTTL(req4, 1), reason: packet.TTLExpired},
		{name: "v4 hop, TTL 1", in: withTTL(to(req4, hop4), 1), back: reply(to(req4, hop4))},
		{name: "v6 hop", in: echo(to(req6, hop6)), back: reply(to(req6, hop6))},
		{name: "a reply does not enter", in: echo(packet.Echo{Src: alice4, Dst: server4, Reply: true, Payload: []byte("x")}), reason: packet.Unsupported},
		{name: "an error does not enter", in: icmpError(t, packet.Error{Src: alice4, Type: 3, Code: 1}, echo(packet.Echo{Src: server4, Dst: alice4})), reason: packet.Unsupported},
		{name: "no error about an error", in: withTTL1(icmpError(t, packet.Error{Src: alice4, Type: 3, Code: 1}, echo(packet.Echo{Src: server4, Dst: alice4}))), reason: packet.TTLExpired},
		{name: "another protocol, TTL 1", in: withTTL1(other(req4, 47)), reason: packet.TTLExpired, back: icmpError(t, packet.Error{Src: hop4, Type: 11}, withTTL1(other(req4, 47)))},
		{name: "another protocol", in: other(req4, 47), reason: packet.Unsupported, back: icmpError(t, packet.Error{Src: hop4, Type: 3, Code: 2}, other(req4, 47))},
		{name: "v6 another protocol", in: other(req6, 132), reason: packet.Unsupported, back: icmpError(t, packet.Error{Src: hop6, Type: 4, Code: 1, Pointer: 6}, other(req6, 132))},
		{name: "another protocol to the hop", in: withTTL1(other(to(req4, hop4), 50)), reason: packet.Unsupported, back: icmpError(t, packet.Error{Src: hop4, Type: 3, Code: 2}, withTTL1(other(to(req4, hop4), 50)))},
		{name: "another protocol, denied", in: other(to(req4, denied4), 47), reason: packet.Denied, back: icmpError(t, packet.Error{Src: hop4, Type: 3, Code: 13}, other(to(req4, denied4), 47)), denied: true},
		{name: "another protocol, no route", in: other(to(req4, lost4), 47), reason: packet.NoRoute, back: icmpError(t, packet.Error{Src: hop4, Type: 3}, other(to(req4, lost4), 47))},
		{name: "another protocol, no connector", in: other(to(req4, other4), 47), reason: packet.Unsupported, back: icmpError(t, packet.Error{Src: hop4, Type: 3, Code: 2}, other(to(req4, other4), 47))},
		{name: "another protocol, silent", cfg: Config{Silent: true}, in: other(to(req4, denied4), 47), reason: packet.Denied, denied: true},
		{name: "another protocol, spoofed", in: other(from(req4, mallory), 47), reason: packet.Spoofed},
		{name: "no next header", in: other(req6, 59), reason: packet.Unsupported},
		{name: "no next header, TTL 1", in: withTTL1(other(req6, 59)), reason: packet.TTLExpired, back: icmpError(t, packet.Error{Src: hop6, Type: 3}, withTTL1(other(req6, 59)))},
		{name: "address mask", in: mask(req4), reason: packet.Unsupported},
		{name: "address mask, TTL 1", in: withTTL1(mask(req4)), reason: packet.TTLExpired, back: icmpError(t, packet.Error{Src: hop4, Type: 11}, withTTL1(mask(req4)))},
		{name: "address mask, denied", in: mask(to(req4, denied4)), reason: packet.Denied, back: icmpError(t, packet.Error{Src: hop4, Type: 3, Code: 13}, mask(to(req4, denied4))), denied: true},
		{name: "address mask to the hop", in: mask(to(req4, hop4)), reason: packet.Unsupported},
		{name: "timestamp forwarded", in: echo(timestamp(req4)), forward: withTTL(timestamp(req4), 8)},
		{name: "echo of another code forwarded", in: echo(code(req4, 9)), forward: withTTL(code(req4, 9), 8)},
		{name: "echo of another code to the hop", in: echo(code(to(req4, hop4), 9)), back: reply(code(to(req4, hop4), 9))},
		{name: "a timestamp too short for the hop", in: echo(timestamp(size(to(req4, hop4), 4, true))), reason: packet.Malformed},
		{name: "UDP travels otherwise", in: udp, reason: packet.Unsupported},
		{name: "v4 denied", in: echo(to(req4, denied4)), reason: packet.Denied, back: answer(to(req4, denied4), 3, 13, 0), denied: true},
		{name: "v6 denied", in: echo(to(req6, denied6)), reason: packet.Denied, back: answer(to(req6, denied6), 1, 1, 0), denied: true},
		{name: "policy before route", in: echo(to(req4, netip.MustParseAddr("10.9.9.9"))), reason: packet.Denied, back: answer(to(req4, netip.MustParseAddr("10.9.9.9")), 3, 13, 0), denied: true},
		{name: "v4 no route", in: echo(to(req4, lost4)), reason: packet.NoRoute, back: answer(to(req4, lost4), 3, 0, 0)},
		{name: "v6 no route", in: echo(to(req6, lost6)), reason: packet.NoRoute, back: answer(to(req6, lost6), 1, 0, 0)},
		{name: "v4 no connector", in: echo(to(req4, other4)), reason: packet.ConnectorDown, back: answer(to(req4, other4), 3, 1, 0)},
		{name: "v6 no connector", in: echo(to(req6, other6)), reason: packet.ConnectorDown, back: answer(to(req6, other6), 1, 3, 0)},
		{name: "silent denied", cfg: Config{Silent: true}, in: echo(to(req4, denied4)), reason: packet.Denied, denied: true},
		{name: "silent no route", cfg: Config{Silent: true}, in: echo(to(req4, lost4)), reason: packet.NoRoute},
		{name: "silent no connector", cfg: Config{Silent: true}, in: echo(to(req4, other4)), reason: packet.ConnectorDown},
		{name: "silent still says TTL", cfg: Config{Silent: true}, in: withTTL(req4, 1), reason: packet.TTLExpired, back: answer(packet.Echo{Src: alice4, Dst: server4, Ident: 77, Seq: 3, TTL: 1, TOS: 0x20, DF: true, ID: 4711, Payload: []byte("abcdefgh")}, 11, 0, 0)},
		{name: "v4 DF just fits", in: echo(size(req4, 1399-28, true)), forward: withTTL(size(req4, 1399-28, true), 8)},
		{name: "v4 DF too big", in: echo(size(req4, 1400-28, true)), reason: packet.TooLarge, back: answer(size(req4, 1400-28, true), 3, 4, 1399)},
		{name: "v4 without DF takes the stream", in: echo(size(req4, 1400-28, false)), forward: withTTL(size(req4, 1400-28, false), 8)},
		{name: "v4 reassembled", in: echo(size(req4, 8000, true)), forward: withTTL(size(req4, 8000, true), 8)},
		{name: "v6 too big", in: echo(size(req6, 1400-48, false)), reason: packet.TooLarge, back: answer(size(req6, 1400-48, false), 2, 0, 1399)},
		{name: "v6 reassembled", in: echo(size(req6, 8000, false)), forward: withTTL(size(req6, 8000, false), 8)},
		{name: "v4 wrong option", in: wrongOption(req4), reason: packet.BadOption, back: icmpError(t, packet.Error{Src: hop4, Type: 12, Pointer: 20}, wrongOption(req4))},
		{name: "v6 wrong option", in: wrongOption(req6), reason: packet.BadOption, back: icmpError(t, packet.Error{Src: hop6, Type: 4, Code: 2, Pointer: 42}, wrongOption(req6))},
		{name: "wrong option before hop", in: wrongOption(to(req4, hop4)), reason: packet.BadOption, back: icmpError(t, packet.Error{Src: hop4, Type: 12, Pointer: 20}, wrongOption(to(req4, hop4)))},
		{name: "spoofed before wrong option", in: wrongOption(from(req4, mallory)), reason: packet.Spoofed},
		{name: "malformed", in: []byte{1, 0x45, 0, 0}, reason: packet.Malformed},
		{name: "unknown type", in: []byte{99, 1, 2, 3}, reason: packet.UnknownType},
		{name: "empty", in: nil, reason: packet.UnknownType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.cfg)
			if got := w.alice.Datagram(slices.Clone(tt.in)); got != tt.reason {
				t.Errorf("reason %v, want %v", got, tt.reason)
			}
			if diff := cmp.Diff(tt.forward, w.homeLink.take(t)); diff != "" {
				t.Errorf("to the connector (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(tt.back, w.aliceLink.take(t)); diff != "" {
				t.Errorf("to the client (-want +got):\n%s", diff)
			}
			if got := len(w.aliceLink.control) == 1; got != tt.denied {
				t.Errorf("told of a denial: %v, want %v", got, tt.denied)
			}
			if got := w.r.Counters().Get(tt.reason); got != 1 {
				t.Errorf("%v counted %d times, want 1", tt.reason, got)
			}
		})
	}
}

// The edge is a hop of a recorded route, on both ways; of none where it has no address of IPv4.
func TestEdgeRecordsItself(t *testing.T) {
	for _, hops := range [][]netip.Addr{{hop4}, {hop6}} {
		w := newWorld(t, Config{Hops: hops})
		ask := packet.Echo{Src: alice4, Dst: server4, Ident: 7, TTL: 9, Options: []byte{7, 11, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0}}
		w.alice.Datagram(echo(ask))
		back := packet.Echo{Src: server4, Dst: alice4, Ident: 7, TTL: 60, Reply: true, Options: []byte{7, 11, 8, 9, 9, 9, 9, 0, 0, 0, 0, 0}}
		w.home.Datagram(echo(back))
		ask.TTL, back.TTL = 8, 59
		if hops[0].Is4() {
			h := hop4.As4()
			ask.Options, back.Options = slices.Concat([]byte{7, 11, 8}, h[:], make([]byte, 5)), slices.Concat([]byte{7, 11, 12, 9, 9, 9, 9}, h[:], []byte{0})
		}
		if diff := cmp.Diff(echo(ask), w.homeLink.take(t)); diff != "" {
			t.Errorf("to the connector (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(echo(back), w.aliceLink.take(t)); diff != "" {
			t.Errorf("to the client (-want +got):\n%s", diff)
		}
	}
}

// An unsettled link makes no "packet too big", and an IPv6 packet up to 1280 bytes always crosses.
func TestTooBigRules(t *testing.T) {
	big := echo(packet.Echo{Src: alice4, Dst: server4, TTL: 9, DF: true, Payload: make([]byte, 1440)})
	w := newWorld(t, Config{})
	w.homeLink.settled = false
	if r := w.alice.Datagram(big); r != packet.OK || w.homeLink.take(t) == nil {
		t.Errorf("unsettled: %v", r)
	}
	w.homeLink.settled, w.homeLink.max = true, 1150
	small6 := echo(packet.Echo{Src: alice6, Dst: server6, TTL: 9, Payload: make([]byte, 1280-48)})
	if r := w.alice.Datagram(small6); r != packet.OK || w.homeLink.take(t) == nil {
		t.Errorf("IPv6 of 1280 bytes: %v", r)
	}
	big6 := echo(packet.Echo{Src: alice6, Dst: server6, TTL: 9, Payload: make([]byte, 1281-48)})
	if r := w.alice.Datagram(big6); r != packet.TooLarge {
		t.Errorf("IPv6 of 1281 bytes: %v", r)
	}
	var p packet.Packet
	if r := packet.Parse(w.aliceLink.take(t)[1:], &p); r != packet.OK || p.MTU() != 1280 {
		t.Errorf("told MTU %d (%v), want 1280", p.MTU(), r)
	}
}

func TestDenialNamesItsDecision(t *testing.T) {
	w := newWorld(t, Config{})
	in := echo(packet.Echo{Src: mallory, Dst: server4, TTL: 9, Payload: []byte("x")})
	for range 16 { // a traceroute is one denial
		w.mallory.Datagram(slices.Clone(in))
	}
	if len(w.malloryLink.control) != 1 || len(w.malloryLink.sent) != 16 {
		t.Fatalf("%d denials told, %d answers; want 1, 16", len(w.malloryLink.control), len(w.malloryLink.sent))
	}
	d := w.malloryLink.control[0].Denial
	if d.Protocol != "icmp" || d.Dst != "172.16.10.120" || d.Time.IsZero() {
		t.Errorf("told %+v", d)
	}
	e, err := w.r.Denials().Explain(d.ID, nil)
	if err != nil {
		t.Fatal(err)
	}
	if e.Count != 16 || e.Principal.User != "mallory@example.com" || e.Principal.Device != "d-mallory" || e.Target != "icmp 172.16.10.120" {
		t.Errorf("explained as %+v", e)
	}
	if len(e.Grants) != 1 || e.Grants[0].Why != "who: mallory@example.com, device:d-mallory is not among alice@example.com" {
		t.Errorf("grants considered: %+v", e.Grants)
	}
}

// TestUnheardDenialsAreCounted: beyond the limit of its answers a device hears nothing, and the edge
// counts all the same what it denied.
func TestUnheardDenialsAreCounted(t *testing.T) {
	w := newWorld(t, Config{})
	in := echo(packet.Echo{Src: mallory, Dst: server4, TTL: 9})
	for range errorBurst + 50 {
		w.mallory.Datagram(slices.Clone(in))
	}
	if w.r.Counters().Get(packet.RateLimited) == 0 {
		t.Fatal("nothing was limited")
	}
	list := w.r.Denials().Denials("", time.Time{})
	if len(list) != 1 || list[0].Count != errorBurst+50 || list[0].ID == 0 {
		t.Fatalf("summed up as %+v, want %d", list, errorBurst+50)
	}
	if e, err := w.r.Denials().Explain(list[0].ID, nil); err != nil || e.Count != errorBurst+50 {
		t.Errorf("explained as %d times, %v", e.Count, err)
	}
}

func TestAnswersAreRateLimited(t *testing.T) {
	w := newWorld(t, Config{})
	in := withTTL(packet.Echo{Src: alice4, Dst: server4}, 1)
	for range errorBurst + 50 {
		w.alice.Datagram(slices.Clone(in))
	}
	limited := w.r.Counters().Get(packet.RateLimited)
	if got := len(w.aliceLink.sent); got < errorBurst || limited == 0 || got+int(limited) != errorBurst+50 {
		t.Errorf("%d answers, %d limited", got, limited)
	}
	if r := w.mallory.Datagram(withTTL(packet.Echo{Src: mallory, Dst: server4}, 1)); r != packet.TTLExpired {
		t.Errorf("another device: %v, want its own budget", r)
	}
}

// TestSilentDenialsAreRateLimited: a device that is told by control message
// instead of an answer gets no more of those than of answers.
func TestSilentDenialsAreRateLimited(t *testing.T) {
	for _, tt := range []struct {
		name string
		deny func(w *world, i int)
	}{
		{"icmp", func(w *world, i int) {
			dst := netip.AddrFrom4([4]byte{10, 9, byte(i >> 8), byte(i)})
			w.alice.Datagram(echo(packet.Echo{Src: alice4, Dst: dst, TTL: 9}))
		}},
		{"udp", func(w *world, i int) { w.alice.Datagram(regD(reg(alice4, server4, uint16(1000+i), 9, 3))) }},
		{"tcp", func(w *world, i int) {
			if o, _ := w.alice.openTo(header(alice4, server4, uint16(1000+i), 9)); o.tell != nil {
				_ = w.aliceLink.SendControl(&proto.Control{Denial: o.tell})
			}
		}},
	} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, Config{Silent: true})
			for i := range errorBurst + 50 {
				tt.deny(w, i)
			}
			if got := len(w.aliceLink.control); got != errorBurst {
				t.Errorf("%s: %d control messages, want %d", tt.name, got, errorBurst)
			}
		})
	}
}

func TestPacketFromConnector(t *testing.T) {
	reply := packet.Echo{Src: server4, Dst: alice4, Ident: 7, Seq: 1, TTL: 61, Reply: true, Payload: []byte("x")}
	reply6 := packet.Echo{Src: server6, Dst: alice6, Ident: 7, Seq: 1, TTL: 61, Reply: true, Payload: []byte("x")}
	asked := echo(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, TTL: 1, Payload: []byte("x")})
	asked6 := echo(packet.Echo{Src: alice6, Dst: server6, Ident: 7, Seq: 1, TTL: 1, Payload: []byte("x")})
	change := func(e packet.Echo, f func(*packet.Echo)) packet.Echo { f(&e); return e }
	terr := func(src netip.Addr, ttl uint8, about []byte) []byte {
		typ := uint8(11)
		if src.Is6() {
			typ = 3
		}
		return icmpError(t, packet.Error{Src: src, Type: typ, TTL: ttl}, about)
	}
	udp := packet.AppendUDP([]byte{1}, &packet.UDPPacket{Src: netip.AddrPortFrom(alice4, 1), Dst: netip.AddrPortFrom(server4, 53)})
	// An error for mallory that quotes a packet of alice.
	crossed := terr(router4, 60, asked)
	copy(crossed[1+16:], mallory.AsSlice())
	crossed[1+10], crossed[1+11] = 0, 0
	sum := packet.Checksum(crossed[1:21], 0)
	crossed[1+10], crossed[1+11] = byte(sum>>8), byte(sum)

	tests := []struct {
		name    string
		in      []byte
		reason  packet.Reason
		forward []byte
	}{
		{name: "v4 reply", in: echo(reply), forward: withTTL(reply, 60)},
		{name: "v6 reply", in: echo(reply6), forward: withTTL(reply6, 60)},
		{name: "reply expired", in: withTTL(reply, 1), reason: packet.TTLExpired},
		{name: "reply from elsewhere", in: echo(change(reply, func(e *packet.Echo) { e.Src = other4 })), reason: packet.Unsolicited},
		{name: "reply from the hop", in: echo(change(reply, func(e *packet.Echo) { e.Src = hop4 })), reason: packet.Unsolicited},
		{name: "reply to nobody", in: echo(change(reply, func(e *packet.Echo) { e.Dst = router4 })), reason: packet.Unsolicited},
		{name: "a request does not leave", in: echo(change(reply, func(e *packet.Echo) { e.Reply = false })), reason: packet.Unsolicited},
		{name: "v4 error", in: terr(router4, 60, asked), forward: terr(router4, 59, asked)},
		{name: "v6 error", in: terr(router6, 60, asked6), forward: terr(router6, 59, asked6)},
		{name: "error expired", in: terr(router4, 1, asked), reason: packet.TTLExpired},
		{name: "error in the edge's name", in: terr(hop4, 60, asked), reason: packet.Unsolicited},
		{name: "error about somebody else's packet", in: crossed, reason: packet.Unsolicited},
		{name: "error about another tunnel", in: terr(router4, 60, echo(packet.Echo{Src: alice4, Dst: other4})), reason: packet.Unsolicited},
		{name: "error about a session", in: terr(router4, 60, udp), reason: packet.Unsolicited},
		{name: "UDP travels otherwise", in: udp, reason: packet.Unsolicited},
		{name: "a registration does not come back", in: proto.AppendUDPRegistration(nil, &proto.UDPRegistration{Src: netip.AddrPortFrom(alice4, 1), Dst: netip.AddrPortFrom(server4, 53)}), reason: packet.UnknownType},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, Config{})
			w.ask(t, asked, asked6)
			if got := w.home.Datagram(slices.Clone(tt.in)); got != tt.reason {
				t.Errorf("reason %v, want %v", got, tt.reason)
			}
			if diff := cmp.Diff(tt.forward, w.aliceLink.take(t)); diff != "" {
				t.Errorf("to the client (-want +got):\n%s", diff)
			}
			if got := w.homeLink.take(t); got != nil {
				t.Errorf("the connector was answered %x", got)
			}
			if got := w.malloryLink.take(t); got != nil {
				t.Errorf("mallory received %x", got)
			}
		})
	}
	t.Run("link down", func(t *testing.T) {
		w := newWorld(t, Config{})
		w.ask(t, asked)
		w.alice.Detach()
		if got := w.home.Datagram(echo(reply)); got != packet.LinkDown {
			t.Errorf("reason %v, want link down", got)
		}
	})
}

func TestEchoClassIsUrgent(t *testing.T) {
	w := newWorld(t, Config{})
	w.alice.Datagram(echo(packet.Echo{Src: alice4, Dst: server4, TTL: 9}))
	if len(w.homeLink.classes) != 1 || w.homeLink.classes[0] != link.Urgent {
		t.Errorf("classes %v, want urgent", w.homeLink.classes)
	}
}
