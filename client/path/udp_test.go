package path

import (
	"bytes"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// udpBed is a table with one session toward port 9 or 53.
type udpBed struct {
	t    *testing.T
	o    *outbound
	in   *inbound
	v    *linkState
	now  time.Time
	last proto.SessionID
}

func newUDPBed(t *testing.T) *udpBed {
	o := newTestOutbound()
	return &udpBed{t: t, o: o, in: newInbound(o.udp, o.asked), v: upView(1380), now: start}
}

// out sends a packet and returns what it became: a registration or a payload.
func (b *udpBed) out(raw []byte) (reg *proto.UDPRegistration, pay *proto.UDPPayload) {
	b.t.Helper()
	d := b.o.step(raw, b.now, b.v)
	if d.reason != packet.OK || d.back() != nil {
		b.t.Fatalf("out: %s, answer %x", d.reason, d.back())
	}
	return b.decode(d.send())
}

func (b *udpBed) decode(d []byte) (*proto.UDPRegistration, *proto.UDPPayload) {
	b.t.Helper()
	d = bytes.Clone(d)
	var r proto.UDPRegistration
	if proto.ParseUDPRegistration(d, &r) == nil {
		b.last = r.Session
		return &r, nil
	}
	var p proto.UDPPayload
	if err := proto.ParseUDPPayload(d, &p); err != nil {
		b.t.Fatalf("neither registration nor payload: %x", d)
	}
	return nil, &p
}

func (b *udpBed) event(e *proto.UDPEvent) outcome {
	b.t.Helper()
	s := b.in.get() // kept: the outcome aliases it
	return b.in.step(s, proto.AppendUDPEvent(nil, e), b.now, b.v)
}

func TestFirstPayloadsTravelWithTheRegistration(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		b := newUDPBed(t)
		b.v.idle = 240
		src, dst := ends(v6)
		var tags []uint16
		for i := range 3 { // the answer is late: each packet registers again, idempotently
			r, _ := b.out(udpPacket(v6, true, 9, pattern(i)))
			if r == nil {
				t.Fatalf("packet %d was sent without registration", i)
			}
			tags = append(tags, r.Tag)
			want := proto.UDPRegistration{
				Session: b.last, Src: netip.AddrPortFrom(src, 40000), Dst: netip.AddrPortFrom(dst, 9),
				Tag: uint16(i + 1), Idle: 240, TTL: 5, Class: 0x10, DF: true, Payload: pattern(i),
			}
			if r.Src != want.Src || r.Dst != want.Dst || r.Tag != want.Tag || r.Idle != 240 || r.TTL != 5 || r.Class != 0x10 ||
				!r.DF || r.Session != want.Session || !bytes.Equal(r.Payload, want.Payload) {
				t.Errorf("packet %d: %+v", i, r)
			}
		}
		if o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventRegistered, Tag: tags[0]}); o.reason != packet.OK || o.send() != nil {
			t.Fatalf("registered: %+v", o)
		}
		if _, p := b.out(udpPacket(v6, true, 9, pattern(5))); p == nil || p.Session != b.last || p.Tag != 4 || p.TTL != 5 || p.Class != 0x10 || !p.DF {
			t.Errorf("after registration: %+v", p)
		}
	}
}

// A session that has said much in one packet is bulk from then on: its small packets do not
// overtake the large ones.
func TestASessionHasOneClass(t *testing.T) {
	b := newUDPBed(t)
	for i, size := range []int{60, 1000, 1001, 60, 0} {
		want := link.Interactive
		if i >= 2 {
			want = link.Bulk
		}
		if d := b.o.step(udpPacket(false, true, 9, pattern(size)), b.now, b.v); d.class != want {
			t.Errorf("packet %d, %d bytes: class %d, want %d", i, size, d.class, want)
		}
	}
}

func TestUnknownSessionIsRegisteredAgain(t *testing.T) {
	b := newUDPBed(t)
	b.out(udpPacket(false, true, 9, pattern(1)))
	id := b.last
	b.event(&proto.UDPEvent{Session: id, Kind: proto.EventRegistered})
	_, p2 := b.out(udpPacket(false, true, 9, pattern(2)))
	_, p3 := b.out(udpPacket(false, true, 9, pattern(3)))

	// The connector restarted. Packet 2 is not the newest: it is lost, as on any path, but the
	// session is unregistered.
	if o := b.event(&proto.UDPEvent{Session: id, Kind: proto.EventUnknown, Tag: p2.Tag}); o.send() != nil {
		t.Errorf("resent an old packet: %x", o.send())
	}
	o := b.event(&proto.UDPEvent{Session: id, Kind: proto.EventUnknown, Tag: p3.Tag})
	if o.send() == nil {
		t.Fatal("the newest packet was not sent again")
	}
	r, _ := b.decode(o.send())
	if r == nil || r.Session != id || r.Tag != p3.Tag || !bytes.Equal(r.Payload, pattern(3)) {
		t.Errorf("sent again: %+v", r)
	}
	// A second "unknown" for it must not make a duplicate.
	if o := b.event(&proto.UDPEvent{Session: id, Kind: proto.EventUnknown, Tag: p3.Tag}); o.send() != nil {
		t.Error("sent a third time")
	}
	if r, _ := b.out(udpPacket(false, true, 9, pattern(4))); r == nil || r.Session != id {
		t.Errorf("next packet: %+v", r)
	}
}

func TestSessionsSurviveANewLink(t *testing.T) {
	b := newUDPBed(t)
	b.out(udpPacket(false, true, 9, pattern(1)))
	id := b.last
	b.event(&proto.UDPEvent{Session: id, Kind: proto.EventRegistered})
	b.v.epoch++
	if r, _ := b.out(udpPacket(false, true, 9, pattern(2))); r == nil || r.Session != id {
		t.Errorf("on a new link: %+v, want a registration of %s", r, id)
	}
	b.event(&proto.UDPEvent{Session: id, Kind: proto.EventRegistered})
	if _, p := b.out(udpPacket(false, true, 9, pattern(3))); p == nil {
		t.Error("still registers")
	}
}

func TestPayloadReachesTheHost(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		b := newUDPBed(t)
		b.out(udpPacket(v6, true, 9, nil))
		src, dst := ends(v6)
		for _, size := range []int{0, 1, 1200, 9000, 65507} {
			s := b.in.get()
			o := b.in.step(s, proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: b.last, TTL: 61, Class: 0x28, Payload: pattern(size)}), b.now, b.v)
			if o.reason != packet.OK || o.send() != nil {
				t.Fatalf("%d bytes: %s", size, o.reason)
			}
			p := mustParse(t, o.back())
			if p.SrcAddrPort() != netip.AddrPortFrom(dst, 9) || p.DstAddrPort() != netip.AddrPortFrom(src, 40000) ||
				p.TTL != 61 || p.TOS != 0x28 || !bytes.Equal(p.Payload(), pattern(size)) {
				t.Errorf("v6 %v, %d bytes: %s → %s TTL %d TOS %x", v6, size, p.SrcAddrPort(), p.DstAddrPort(), p.TTL, p.TOS)
			}
		}
		s := b.in.get()
		if o := b.in.step(s, proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: b.last + 1}), b.now, b.v); o.reason != packet.UnknownSession || o.back() != nil {
			t.Errorf("foreign session: %+v", o)
		}
	}
}

func TestEventBecomesTheICMPErrorItStandsFor(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		reporter := router4
		if v6 {
			reporter = router6
		}
		for _, tt := range []struct {
			name      string
			kind      packet.ErrorKind
			quotedTTL uint8
			mtu       uint16
			wantTTL   uint8
		}{
			{"expired: TTL 1, whatever it was", packet.TimeExceeded, 0, 0, 1},
			{"expired, stated", packet.TimeExceeded, 2, 0, 2},
			{"port closed: as sent", packet.PortUnreachable, 0, 0, 5},
			{"port closed, stated", packet.PortUnreachable, 3, 0, 3},
			{"too big", packet.TooBig, 0, 1300, 5},
			{"prohibited", packet.AdminProhibited, 0, 0, 5},
		} {
			b := newUDPBed(t)
			b.v.settled = false
			first := udpPacket(v6, true, 9, pattern(40))
			r, _ := b.out(first)
			b.out(udpPacket(v6, true, 9, pattern(1400-48))) // a later packet is not the one that is quoted
			typ, code := tt.kind.TypeCode(v6)
			o := b.event(&proto.UDPEvent{
				Session: b.last, Kind: proto.EventICMP, ICMPType: typ, ICMPCode: code, TTL: 62, QuotedTTL: tt.quotedTTL,
				MTU: tt.mtu, Tag: r.Tag, Reporter: reporter,
			})
			if want := outcomeOf(reporter, typ, code, v6, b.v); o.reason != want || o.back() == nil {
				t.Fatalf("%s: %s, want %s", tt.name, o.reason, want)
			}
			p := mustParse(t, o.back())
			if src, _ := ends(v6); p.Src != reporter || p.Dst != src || p.TTL != 62 || p.Type != typ || p.Code != code || p.MTU() != uint32(tt.mtu) {
				t.Errorf("v6 %v, %s: %d/%d MTU %d from %s TTL %d", v6, tt.name, p.Type, p.Code, p.MTU(), p.Src, p.TTL)
			}
			q := mustParse(t, first)
			q.SetTTL(tt.wantTTL)
			if got := p.Transport()[8:]; !bytes.Equal(got, q.Raw) {
				t.Errorf("v6 %v, %s: quotes\n%x, want\n%x", v6, tt.name, got, q.Raw)
			}
		}
	}
}

// The pointer of a parameter problem travels where "packet too big" has its MTU.
func TestPointerReachesTheHost(t *testing.T) {
	for v6, e := range map[bool]proto.UDPEvent{
		false: {ICMPType: packet.TypeParamProblem, MTU: 20, Reporter: router4},
		true:  {ICMPType: packet.Type6ParamProblem, ICMPCode: 1, MTU: 40, Reporter: router6},
	} {
		b := newUDPBed(t)
		r, _ := b.out(udpPacket(v6, true, 9, pattern(40)))
		e.Session, e.Kind, e.Tag = b.last, proto.EventICMP, r.Tag
		got := mustParse(t, b.event(&e).back()).Transport()[4:8]
		want := []byte{20, 0, 0, 0}
		if v6 {
			want = []byte{0, 0, 0, 40}
		}
		if !bytes.Equal(got, want) {
			t.Errorf("v6 %v: pointer %x, want %x", v6, got, want)
		}
	}
}

// Whatever an edge says, the host gets no redirect and no request of it, as from a packet
// (deliverable).
func TestOnlyErrorsReachTheHost(t *testing.T) {
	for v6, types := range map[bool][]uint8{
		false: {packet.TypeEchoReply, 4, 5, packet.TypeEchoRequest},
		true:  {0, 5, packet.Type6EchoRequest, packet.Type6EchoReply, 134, 137},
	} {
		for _, typ := range types {
			b := newUDPBed(t)
			r, _ := b.out(udpPacket(v6, true, 9, pattern(40)))
			o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventICMP, ICMPType: typ, Tag: r.Tag, Reporter: hopOf(v6)})
			if o.reason != packet.Unsolicited || o.back() != nil {
				t.Errorf("v6 %v, type %d: %s, %x", v6, typ, o.reason, o.back())
			}
		}
	}
}

func TestErrorForAPacketTooOldToQuote(t *testing.T) {
	b := newUDPBed(t)
	r, _ := b.out(udpPacket(false, true, 9, pattern(1)))
	for range ringSize {
		b.out(udpPacket(false, true, 9, pattern(1)))
	}
	if o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventICMP, ICMPType: 3, ICMPCode: 3, Tag: r.Tag, Reporter: router4}); o.back() != nil || o.reason != packet.Unsolicited {
		t.Errorf("%+v", o)
	}
	if o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventICMP, ICMPType: 3, ICMPCode: 3, Tag: r.Tag + 1, Reporter: router4}); o.back() == nil {
		t.Error("the oldest of the last 64 packets cannot be quoted")
	}
}

func TestLongPacketIsQuotedAsFarAsAllowed(t *testing.T) {
	for v6, want := range map[bool]int{false: 576, true: 1280} {
		b := newUDPBed(t)
		b.v.settled = false
		r, _ := b.out(udpPacket(v6, true, 9, pattern(1400)))
		typ, code := packet.PortUnreachable.TypeCode(v6)
		rep := router4
		if v6 {
			rep = router6
		}
		o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventICMP, ICMPType: typ, ICMPCode: code, Tag: r.Tag, Reporter: rep})
		if len(o.back()) != want {
			t.Errorf("v6 %v: error of %d bytes, want %d", v6, len(o.back()), want)
		}
	}
}

func TestDenialIsAnsweredAndListed(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		b := newUDPBed(t)
		raw := udpPacket(v6, true, 53, pattern(20))
		r, _ := b.out(raw)
		o := b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventDenied, Decision: 42, Tag: r.Tag, Reporter: hopOf(v6), TTL: 64})
		if o.reason != packet.Denied || o.denial == nil || o.denial.ID != 42 || o.denial.Protocol != "udp" ||
			o.denial.Dst != netip.AddrPortFrom(second(ends(v6)), 53).String() {
			t.Fatalf("%s, %+v", o.reason, o.denial)
		}
		wantError(t, o.back(), packet.AdminProhibited, raw, 0)
		var list denials
		for range 2 { // told twice, listed once
			list.add(o.denial)
		}
		if got := list.list(); len(got) != 1 || got[0].ID != 42 {
			t.Errorf("listed %+v", got)
		}
	}
}

func second(_, b netip.Addr) netip.Addr { return b }

func TestDenialsKeepsTheLastHundred(t *testing.T) {
	var d denials
	for i := range 250 {
		d.add(&proto.Denial{ID: proto.DecisionID(i + 1)})
	}
	got := d.list()
	if len(got) != 100 || got[0].ID != 250 || got[99].ID != 151 {
		t.Errorf("%d denials, %d … %d", len(got), got[0].ID, got[len(got)-1].ID)
	}
	d.add(&proto.Denial{})
	d.add(nil)
	if len(d.list()) != 100 || d.list()[0].ID != 250 {
		t.Error("a denial without id was listed")
	}
}

func TestIdleSessionsEnd(t *testing.T) {
	for _, tt := range []struct {
		name    string
		port    uint16
		replies int
		idle    uint16
		alive   time.Duration
	}{
		{"default", 9, 0, 0, 5 * time.Minute},
		{"as the edge says", 9, 1, 200, 200 * time.Second},
		{"never under two minutes", 9, 1, 10, 2 * time.Minute},
		{"DNS without reply", 53, 0, 0, 5 * time.Minute},
		{"DNS exchange", 53, 1, 0, 30 * time.Second},
		{"more than one reply is no DNS exchange", 53, 2, 0, 5 * time.Minute},
	} {
		b := newUDPBed(t)
		b.v.idle = tt.idle
		b.out(udpPacket(false, true, tt.port, nil))
		b.event(&proto.UDPEvent{Session: b.last, Kind: proto.EventRegistered})
		for range tt.replies {
			inStep(b.in, proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: b.last, TTL: 9}), b.v)
		}
		if closed := b.o.udp.expire(start.Add(tt.alive - time.Millisecond)); len(closed) != 0 || b.o.udp.len() != 1 {
			t.Errorf("%s: gone too early", tt.name)
		}
		closed := b.o.udp.expire(start.Add(tt.alive))
		if len(closed) != 1 || closed[0] != b.last || b.o.udp.len() != 0 || len(b.o.udp.byID) != 0 {
			t.Errorf("%s: not gone after %s", tt.name, tt.alive)
		}
	}
}

func TestClosedSessionIsForgotten(t *testing.T) {
	b := newUDPBed(t)
	b.out(udpPacket(false, true, 9, nil))
	old := b.last
	b.event(&proto.UDPEvent{Session: old, Kind: proto.EventClosed})
	if r, _ := b.out(udpPacket(false, true, 9, nil)); r == nil || r.Session == old || b.o.udp.len() != 1 {
		t.Errorf("after the end of %s: %+v", old, r)
	}
	if o := b.event(&proto.UDPEvent{Session: old, Kind: proto.EventRegistered}); o.reason != packet.UnknownSession {
		t.Errorf("event for a closed session: %s", o.reason)
	}
}

func TestFullTableIsAnswered(t *testing.T) {
	b := newUDPBed(t)
	b.o.udp.max = 3
	for port := range uint16(3) {
		b.out(udpPacket(false, true, port+1, nil))
		inStep(b.in, proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: b.last, TTL: 9}), b.v)
	}
	raw := udpPacket(false, true, 99, nil)
	d := b.o.step(raw, b.now, b.v)
	if d.reason != packet.TableFull || d.send() != nil {
		t.Fatalf("%+v", d)
	}
	wantError(t, d.back(), packet.HostUnreachable, raw, 0)
	b.now = start.Add(hop.DefaultIdle) // the idle ones make room without waiting for the sweeper
	if r, _ := b.out(raw); r == nil || b.o.udp.len() != 1 {
		t.Errorf("%d sessions", b.o.udp.len())
	}
}

// A scan forgets its own oldest sessions, which end at the edge and the connector, too, and none
// that is answered.
func TestScanMakesRoomForItself(t *testing.T) {
	b := newUDPBed(t)
	b.o.udp.max = 3
	b.out(udpPacket(false, true, 53, nil))
	dns := b.last
	inStep(b.in, proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: dns, TTL: 9}), b.v)
	var made, ended []proto.SessionID
	scan := func(port uint16) {
		d := b.o.step(udpPacket(false, true, port, nil), b.now, b.v)
		if d.reason != packet.OK {
			t.Fatalf("port %d: %s", port, d.reason)
		}
		if _, pay := b.decode(d.send()); pay != nil {
			t.Fatalf("port %d is known", port)
		}
		made = append(made, b.last)
		if (d.ended != 0) != (d.also == packet.Superseded) {
			t.Errorf("port %d: ended %v, counted %v", port, d.ended, d.also)
		}
		if d.ended != 0 {
			ended = append(ended, d.ended)
		}
	}
	for port := range uint16(4) {
		scan(1000 + port)
	}
	b.out(udpPacket(false, true, 1002, nil)) // used again: not the idlest any more
	scan(1004)
	if want := []proto.SessionID{made[0], made[1], made[3]}; !slices.Equal(ended, want) {
		t.Errorf("ended %v of %v, want %v", ended, made, want)
	}
	if b.o.udp.byID[dns] == nil || b.o.udp.len() != 3 || b.o.udp.quiet.Len() != 2 {
		t.Errorf("%d sessions, %d of them unanswered, the answered one %v", b.o.udp.len(), b.o.udp.quiet.Len(), b.o.udp.byID[dns])
	}
}

func TestInboundRefuses(t *testing.T) {
	req := mustParse(t, echoPacket(false, true, 8))
	reply := packet.AppendEchoReply(nil, req)
	ours, _ := packet.AppendError(nil, packet.Error{Src: router4, Type: 11}, req)
	stranger := packet.AppendEcho(nil, &packet.Echo{Src: server4, Dst: router4, Reply: true})
	foreign := mustParse(t, packet.AppendEcho(nil, &packet.Echo{Src: router4, Dst: server4}))
	about, _ := packet.AppendError(nil, packet.Error{Src: router4, Type: 11}, foreign)
	copy(about[16:20], laptop4.AsSlice()) // sent to us although it is not about us
	about[10], about[11] = 0, 0
	sum := packet.Checksum(about[:20], 0)
	about[10], about[11] = byte(sum>>8), byte(sum)
	asked := newAsked()
	asked.note(req, start)
	unasked := mustParse(t, packet.AppendEcho(nil, &packet.Echo{Src: laptop4, Dst: server4, Ident: req.Ident + 1}))
	lie, _ := packet.AppendError(nil, packet.Error{Src: router4, Type: 11}, unasked)
	for _, tt := range []struct {
		name string
		d    []byte
		want packet.Reason
	}{
		{"reply to what was not asked", proto.AppendPacket(nil, packet.AppendEchoReply(nil, unasked)), packet.Unsolicited},
		{"error about what was not asked", proto.AppendPacket(nil, lie), packet.Unsolicited},
		{"echo reply", proto.AppendPacket(nil, reply), packet.OK},
		{"time exceeded about our echo", proto.AppendPacket(nil, ours), packet.OK},
		{"another device's reply", proto.AppendPacket(nil, stranger), packet.Spoofed},
		{"error about another's packet", proto.AppendPacket(nil, about), packet.Unsolicited},
		{"echo request", proto.AppendPacket(nil, packet.AppendEcho(nil, &packet.Echo{Src: server4, Dst: laptop4})), packet.Unsupported},
		{"UDP as packet", proto.AppendPacket(nil, packet.AppendUDP(nil, &packet.UDPPacket{
			Src: netip.AddrPortFrom(server4, 1), Dst: netip.AddrPortFrom(laptop4, 1),
		})), packet.Unsupported},
		{"nothing", nil, packet.Malformed},
		{"short packet", []byte{1, 0x45}, packet.Malformed},
		{"short payload", []byte{3, 0}, packet.Malformed},
		{"short event", []byte{4, 1}, packet.Malformed},
		{"registration", []byte{2, 0}, packet.UnknownType},
		{"unknown type", []byte{99}, packet.UnknownType},
	} {
		if got := inStep(newInbound(newSessions(1), asked), tt.d, upView(0)); got != tt.want {
			t.Errorf("%s: %s, want %s", tt.name, got, tt.want)
		}
	}
}
