package path

import (
	"bytes"
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

func newTestOutbound() *outbound { return newOutbound(newSessions(16), newAsked(), newHeldSYNs(8)) }

// wantError asserts an ICMP error with its reporter, quoting orig as it stands.
func wantError(t *testing.T, back []byte, kind packet.ErrorKind, orig []byte, mtu uint32) {
	t.Helper()
	p := mustParse(t, back)
	typ, code := kind.TypeCode(p.V6)
	if p.Type != typ || p.Code != code || p.MTU() != mtu {
		t.Errorf("error %d/%d MTU %d, want %d/%d MTU %d", p.Type, p.Code, p.MTU(), typ, code, mtu)
	}
	src, _ := ends(p.V6)
	from := hopOf(p.V6)
	if kind == packet.HostUnreachable { // the client's own word
		from = src
	}
	if p.Src != from || p.Dst != src || p.TTL != packet.DefaultTTL {
		t.Errorf("error from %s to %s TTL %d, want it from %s", p.Src, p.Dst, p.TTL, from)
	}
	limit := 576 - 28
	if p.V6 {
		limit = 1280 - 48
	}
	if quoted := p.Transport()[8:]; !bytes.Equal(quoted, orig[:min(len(orig), limit)]) {
		t.Errorf("quotes %x\n  want %x", quoted, orig)
	}
}

func TestEchoTravelsWhole(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		for _, size := range []int{0, 1, 56, 1400} {
			raw := echoPacket(v6, true, size)
			d := newTestOutbound().step(raw, start, upView(0))
			if d.reason != packet.OK || d.class != link.Urgent || d.back() != nil || !bytes.Equal(d.send(), proto.AppendPacket(nil, raw)) {
				t.Errorf("v6 %v, %d bytes: %+v", v6, size, d)
			}
		}
	}
}

// A router looks at the TTL before it looks at the size: what would expire in the edge goes
// there, whatever its size.
func TestExpiringIsNeverTooBig(t *testing.T) {
	raw := echoPacket(false, true, 1400)
	p := mustParse(t, raw)
	p.SetTTL(1)
	if d := newTestOutbound().step(raw, start, upView(1300)); d.reason != packet.OK || d.back() != nil || !bytes.Equal(d.send(), proto.AppendPacket(nil, raw)) {
		t.Errorf("TTL 1: %+v", d)
	}
	p.SetTTL(2)
	if d := newTestOutbound().step(raw, start, upView(1300)); d.reason != packet.TooLarge || d.back() == nil {
		t.Errorf("TTL 2: %+v", d)
	}
}

// What the connector's sockets would mend is not sent (RFC 1122 §4.1.3.4).
func TestBadChecksumDoesNotLeave(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		raw := udpPacket(v6, false, 53, []byte("eight by"))
		raw[len(raw)-1] ^= 1
		if d := newTestOutbound().step(raw, start, upView(0)); d.reason != packet.Malformed || d.send() != nil || d.back() != nil {
			t.Errorf("v6 %v: %+v", v6, d)
		}
	}
}

// ICMP errors of the host end here, and nothing is said about them.
func TestOnlyEchoRequestsLeave(t *testing.T) {
	req := mustParse(t, packet.AppendEcho(nil, &packet.Echo{Src: server4, Dst: laptop4, TTL: 9}))
	icmp, _ := packet.AppendError(nil, packet.Error{Src: laptop4, Type: 3, Code: 3}, req)
	if d := newTestOutbound().step(icmp, start, upView(0)); d.reason != packet.Unsupported || d.send() != nil || d.back() != nil {
		t.Errorf("%x: %+v", icmp, d)
	}
}

// A wrong option is answered as the edge would, which does not see the headers of UDP and TCP
// (RFC 1812 §4.3.3.5, RFC 4443 §3.4).
func TestWrongOptionIsAnswered(t *testing.T) {
	for name, plain := range map[string][]byte{
		"echo v4": echoPacket(false, true, 8), "UDP v4": udpPacket(false, true, 9, pattern(8)), "SYN v4": synPacket(t, false, 9, 1, 1),
		"echo v6": echoPacket(true, true, 8), "UDP v6": udpPacket(true, true, 9, pattern(8)), "SYN v6": synPacket(t, true, 9, 1, 1),
	} {
		raw, kind, pointer := bytes.Clone(plain), packet.BadField, []byte{20, 0, 0, 0}
		if raw[0]>>4 == 6 {
			kind, pointer = packet.UnknownOption, []byte{0, 0, 0, 42}
			raw = slices.Insert(raw, 40, raw[6], 0, 0x9e, 4, 1, 2, 3, 4)
			raw[5], raw[6] = raw[5]+8, 0
		} else {
			raw = slices.Insert(raw, 20, 30, 9, 0, 0)
			raw[0], raw[3], raw[10], raw[11] = 0x46, raw[3]+4, 0, 0
			binary.BigEndian.PutUint16(raw[10:], packet.Checksum(raw[:24], 0))
		}
		d := newTestOutbound().step(raw, start, upView(0))
		if d.reason != packet.BadOption || d.send() != nil || d.local() != nil {
			t.Errorf("%s: %+v", name, d)
			continue
		}
		wantError(t, d.back(), kind, raw, 0)
		if word := mustParse(t, d.back()).Transport()[4:8]; !bytes.Equal(word, pointer) {
			t.Errorf("%s: pointer %x, want %x", name, word, pointer)
		}
		if d := newTestOutbound().step(raw, start, &linkState{}); d.reason != packet.BadOption || d.back() != nil {
			t.Errorf("%s without a link, and so without an edge: %+v", name, d)
		}
	}
}

func TestTooBigStatesOneTrueNumber(t *testing.T) {
	const max = 1380 // of the link's datagram
	for _, tt := range []struct {
		name string
		raw  []byte
		view *linkState
		mtu  uint32 // 0: it crosses
	}{
		{"fits exactly", echoPacket(false, true, 1379-28), upView(max), 0},
		{"one byte more", echoPacket(false, true, 1380-28), upView(max), 1379},
		{"UDP gets the same number", udpPacket(false, true, 9, pattern(1380-28)), upView(max), 1379},
		{"UDP of that number fits", udpPacket(false, true, 9, pattern(1379-28)), upView(max), 0},
		{"DF clear crosses", echoPacket(false, false, 1400), upView(max), 0},
		{"not settled crosses", echoPacket(false, true, 1400), upView(0), 0},
		{"IPv6", echoPacket(true, true, 1380-48), upView(max), 1379},
		{"IPv6 UDP", udpPacket(true, true, 9, pattern(1380-48)), upView(max), 1379},
		{"IPv6 of 1280 always crosses", echoPacket(true, true, 1280-48), upView(1150), 0},
		{"IPv6 is never told less than 1280", echoPacket(true, true, 1281-48), upView(1150), 1280},
		{"IPv4 is", echoPacket(false, true, 1281-28), upView(1150), 1149},
	} {
		d := newTestOutbound().step(tt.raw, start, tt.view)
		if tt.mtu == 0 {
			if d.reason != packet.OK || d.send() == nil || d.back() != nil {
				t.Errorf("%s: %s, %d bytes sent, answer %x", tt.name, d.reason, len(d.send()), d.back())
			}
			continue
		}
		if d.reason != packet.TooLarge || d.send() != nil || d.back() == nil {
			t.Errorf("%s: %s, %d bytes sent, answer %x", tt.name, d.reason, len(d.send()), d.back())
			continue
		}
		wantError(t, d.back(), packet.TooBig, tt.raw, tt.mtu)
	}
}

func TestReassembledPacketsAreNeverTooBig(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		whole := udpPacket(v6, false, 9, pattern(8000))
		o, v := newTestOutbound(), upView(1380)
		var d outcome
		for _, f := range fragments(t, whole, 1300) {
			if d = o.step(f, start, v); d.back() != nil {
				t.Fatalf("v6 %v: answered %x", v6, d.back())
			}
		}
		var r proto.UDPRegistration
		if err := proto.ParseUDPRegistration(d.send(), &r); err != nil || r.DF || !bytes.Equal(r.Payload, pattern(8000)) {
			t.Errorf("v6 %v: %v, DF %v, %d bytes", v6, err, r.DF, len(r.Payload))
		}
	}
}

func TestFragmentLargerThanTheLinkIsTooBig(t *testing.T) {
	frags := fragments(t, echoPacket(true, false, 4000), 1500)
	o, v := newTestOutbound(), upView(1380)
	d := o.step(frags[0], start, v)
	if d.reason != packet.TooLarge || d.back() == nil {
		t.Fatalf("first fragment: %s, %x", d.reason, d.back())
	}
	p := mustParse(t, d.back())
	if p.MTU() != 1379 {
		t.Errorf("MTU %d", p.MTU())
	}
	if d = o.step(frags[1], start, v); d.reason != packet.TooLarge || d.back() != nil {
		t.Errorf("second fragment: %s, answered %x", d.reason, d.back())
	}
}

func TestLinkDownIsHostUnreachable(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		for _, raw := range [][]byte{echoPacket(v6, true, 8), udpPacket(v6, true, 33434, pattern(32))} {
			v := upView(1380)
			v.up = false
			d := newTestOutbound().step(raw, start, v)
			if d.reason != packet.LinkDown || d.send() != nil {
				t.Fatalf("%s, sent %x", d.reason, d.send())
			}
			wantError(t, d.back(), packet.HostUnreachable, raw, 0)

			v.hop4, v.hop6 = v.addr4, v.addr6 // never connected yet
			own := mustParse(t, newTestOutbound().step(raw, start, v).back())
			if src, _ := ends(v6); own.Src != src {
				t.Errorf("without a hop address answered from %s", own.Src)
			}
			if d := newTestOutbound().step(raw, start, &linkState{}); d.back() != nil || d.reason != packet.LinkDown {
				t.Errorf("without any address: %s, %x", d.reason, d.back())
			}
		}
	}
}

func TestOwnErrorsAreRateLimited(t *testing.T) {
	o, v := newTestOutbound(), upView(0)
	v.up = false
	raw := echoPacket(false, true, 8)
	answered := 0
	for range 3 * errorBurst {
		d := o.step(raw, start, v)
		if d.back() != nil {
			answered++
		} else if d.also != packet.RateLimited {
			t.Fatal("unanswered, and nobody counts it")
		}
		if d.reason != packet.LinkDown {
			t.Fatalf("the reason is %s", d.reason)
		}
	}
	if answered != errorBurst {
		t.Errorf("%d answers, want %d", answered, errorBurst)
	}
	if d := o.step(raw, start.Add(time.Second), v); d.back() == nil {
		t.Error("no answer a second later")
	}
}

// Of a later fragment no error is made (RFC 1812 §4.3.2.7): it takes nothing of the limit, and no
// answer is missing.
func TestLaterFragmentsLeaveTheLimitAlone(t *testing.T) {
	o, down := newTestOutbound(), upView(0)
	down.up = false
	frags := fragments(t, echoPacket(false, false, 3000), 1500)
	for range errorBurst + 1 {
		if d := o.step(frags[1], start, down); d.reason != packet.LinkDown || d.also != packet.OK || d.back() != nil {
			t.Fatalf("later fragment: %+v", d)
		}
	}
	if d := o.step(frags[0], start, down); d.back() == nil {
		t.Errorf("first fragment: %+v, want an answer", d)
	}
}

func TestMissingFragmentIsTimeExceeded(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		frags := fragments(t, echoPacket(v6, false, 4000), 1280)
		o, v := newTestOutbound(), upView(0)
		o.step(frags[0], start, v)
		var answers [][]byte
		var reasons []packet.Reason
		expire := func(at time.Time) {
			for _, first := range o.frags.expire(at) {
				d := o.incomplete(first, at, v)
				reasons = append(reasons, d.reason)
				if d.back() != nil {
					answers = append(answers, bytes.Clone(d.back()))
				}
			}
		}
		expire(start.Add(29 * time.Second))
		if len(reasons) != 0 {
			t.Fatalf("expired after 29 s: %v", reasons)
		}
		expire(start.Add(30 * time.Second))
		if len(answers) != 1 || len(reasons) != 1 || reasons[0] != packet.FragmentTimeout {
			t.Fatalf("%d answers, %v", len(answers), reasons)
		}
		wantError(t, answers[0], packet.ReassemblyTimeout, frags[0], 0)

		answers, reasons = nil, nil
		o.step(frags[1], start, v) // without the first fragment nobody is told
		expire(start.Add(time.Minute))
		if len(answers) != 0 || len(reasons) != 1 {
			t.Errorf("without first fragment: %d answers, %v", len(answers), reasons)
		}
	}
}

func TestUnusablePackets(t *testing.T) {
	multicast := echoPacket(false, true, 8)
	copy(multicast[16:20], []byte{224, 0, 0, 251})
	multicast[10], multicast[11] = 0, 0
	sum := packet.Checksum(multicast[:20], 0)
	multicast[10], multicast[11] = byte(sum>>8), byte(sum)
	for _, tt := range []struct {
		raw  []byte
		want packet.Reason
	}{
		{nil, packet.Malformed},
		{echoPacket(false, true, 8)[:30], packet.Malformed},
		{multicast, packet.Multicast},
	} {
		if d := newTestOutbound().step(tt.raw, start, upView(0)); d.reason != tt.want || d.send() != nil || d.back() != nil || d.local() != nil {
			t.Errorf("%x: %+v, want %s", tt.raw, d, tt.want)
		}
	}
}

// steady returns the passes of the packet path once all that grows has grown.
func steady(tb testing.TB) map[string]func() packet.Reason {
	o, v := newTestOutbound(), upView(1380)
	echo, udp := echoPacket(false, true, 56), udpPacket(true, true, 9, pattern(1200))
	for range 2 * ringSize { // the session's ring fills once
		o.step(udp, start, v)
	}
	o.step(echo, start, v)
	in := newInbound(o.udp, o.asked)
	var id proto.SessionID
	for id = range o.udp.byID {
	}
	payload := proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: id, TTL: 60, Payload: pattern(1200)})
	reply := proto.AppendPacket(nil, packet.AppendEchoReply(nil, mustParse(tb, echo)))
	event := proto.AppendUDPEvent(nil, &proto.UDPEvent{Session: id, Kind: proto.EventRegistered})
	return map[string]func() packet.Reason{
		"echo out":  func() packet.Reason { return o.step(echo, start, v).reason },
		"UDP out":   func() packet.Reason { return o.step(udp, start, v).reason },
		"UDP in":    func() packet.Reason { return inStep(in, payload, v) },
		"echo in":   func() packet.Reason { return inStep(in, reply, v) },
		"UDP event": func() packet.Reason { return inStep(in, event, v) },
	}
}

func TestPacketPathDoesNotAllocate(t *testing.T) {
	for name, f := range steady(t) {
		if r := f(); r != packet.OK {
			t.Errorf("%s: %s", name, r)
		}
		if n := testing.AllocsPerRun(200, func() { f() }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

func BenchmarkPacketPath(b *testing.B) {
	for name, f := range steady(b) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				f()
			}
		})
	}
}

func inStep(in *inbound, d []byte, v *linkState) packet.Reason {
	s := in.get()
	defer in.put(s)
	return in.step(s, d, start, v).reason
}
