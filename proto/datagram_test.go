package proto

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var addrs = cmp.Options{
	cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}),
	cmpopts.EquateEmpty(),
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, addrs); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

const goldenRegistration4 = `
	02                       # type: UDP registration
	02                       # flags: DF
	3f                       # TTL 63
	b8                       # traffic class: EF
	d431 0035                # ports 54321 -> 53
	012c                     # idle 300 s
	0102030405060708         # session
	beef                     # tag
	64600001                 # source 100.96.0.1
	ac100a78                 # destination 172.16.10.120
	68 69                    # payload "hi"`

func registration4() UDPRegistration {
	return UDPRegistration{
		Session: 0x0102030405060708,
		Src:     netip.MustParseAddrPort("100.96.0.1:54321"),
		Dst:     netip.MustParseAddrPort("172.16.10.120:53"),
		Tag:     0xbeef, Idle: 300, TTL: 63, Class: 0xb8, DF: true, Payload: []byte("hi"),
	}
}

const goldenRegistration6 = `
	02                               # type: UDP registration
	01                               # flags: IPv6
	01                               # TTL 1
	00                               # traffic class
	8000 829a                        # ports 32768 -> 33434
	0000                             # idle: the receiver's default
	ffffffffffffffff                 # session
	0001                             # tag
	fd00000000640000 0000000000000001 # source fd00:0:64::1
	fd00000000100000 0000000000000120 # destination fd00:0:10::120`

func registration6() UDPRegistration {
	return UDPRegistration{
		Session: 1<<64 - 1,
		Src:     netip.MustParseAddrPort("[fd00:0:64::1]:32768"),
		Dst:     netip.MustParseAddrPort("[fd00:0:10::120]:33434"),
		Tag:     1, TTL: 1,
	}
}

func TestUDPRegistrationGolden(t *testing.T) {
	for _, c := range []struct {
		name, golden string
		want         UDPRegistration
		header       int
	}{
		{"IPv4", goldenRegistration4, registration4(), 28},
		{"IPv6, no payload", goldenRegistration6, registration6(), 52},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := wire(t, c.golden)
			wantBytes(t, AppendUDPRegistration(nil, &c.want), b)
			var got UDPRegistration
			if err := ParseUDPRegistration(b, &got); err != nil {
				t.Fatal(err)
			}
			equal(t, got, c.want)
			prefixes(t, b, c.header, func(b []byte) error { return ParseUDPRegistration(b, new(UDPRegistration)) })
		})
	}
}

func TestUDPRegistrationRefuses(t *testing.T) {
	for name, change := range map[string]func(b []byte){
		"another type":                   func(b []byte) { b[0] = byte(TypeUDPPayload) },
		"an unknown flag":                func(b []byte) { b[1] |= 4 },
		"an IPv4-mapped destination":     func(b []byte) { copy(b[36:], netip.MustParseAddr("::ffff:172.16.10.120").AsSlice()) },
		"an IPv4-mapped source":          func(b []byte) { copy(b[20:], netip.MustParseAddr("::ffff:100.96.0.1").AsSlice()) },
		"the flag of the highest number": func(b []byte) { b[1] |= 0x80 },
	} {
		b := wire(t, goldenRegistration6)
		change(b)
		if err := ParseUDPRegistration(b, new(UDPRegistration)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", name, err)
		}
	}
}

func TestUDPRegistrationCarriesEverySize(t *testing.T) {
	for _, n := range []int{0, 1, 1200, 1500, 9000, 65507} {
		want := registration6()
		want.Payload = bytes.Repeat([]byte{0xa5}, n)
		b := AppendUDPRegistration(nil, &want)
		if len(b) > MaxDatagram {
			t.Errorf("a payload of %d bytes makes a datagram of %d, MaxDatagram is %d", n, len(b), MaxDatagram)
		}
		var got UDPRegistration
		if err := ParseUDPRegistration(b, &got); err != nil {
			t.Fatal(err)
		}
		equal(t, got, want)
	}
}

const goldenPayload = `
	03                       # type: UDP payload
	02                       # flags: DF
	40                       # TTL 64
	01                       # traffic class: ECT(1)
	1122334455667788         # session
	0007                     # tag
	00 ff                    # payload`

func TestUDPPayloadGolden(t *testing.T) {
	want := UDPPayload{Session: 0x1122334455667788, Tag: 7, TTL: 64, Class: 1, DF: true, Payload: []byte{0, 255}}
	b := wire(t, goldenPayload)
	wantBytes(t, AppendUDPPayload(nil, &want), b)
	var got UDPPayload
	if err := ParseUDPPayload(b, &got); err != nil {
		t.Fatal(err)
	}
	equal(t, got, want)
	if PayloadOverhead != len(b)-len(want.Payload) {
		t.Errorf("PayloadOverhead = %d, the header has %d bytes", PayloadOverhead, len(b)-len(want.Payload))
	}
	prefixes(t, b, PayloadOverhead, func(b []byte) error { return ParseUDPPayload(b, new(UDPPayload)) })
	for _, flags := range []byte{flagIPv6, 4, 0x80} {
		bad := bytes.Clone(b)
		bad[1] = flags
		if err := ParseUDPPayload(bad, new(UDPPayload)); !errors.Is(err, ErrMalformed) {
			t.Errorf("flags %#x: error %v, want ErrMalformed", flags, err)
		}
	}
}

func TestSetDatagramTTL(t *testing.T) {
	b := wire(t, goldenRegistration4)
	SetDatagramTTL(b, 9)
	var r UDPRegistration
	if err := ParseUDPRegistration(b, &r); err != nil || r.TTL != 9 {
		t.Errorf("registration: TTL %d, error %v; want 9", r.TTL, err)
	}
	b = wire(t, goldenPayload)
	SetDatagramTTL(b, 255)
	var p UDPPayload
	if err := ParseUDPPayload(b, &p); err != nil || p.TTL != 255 {
		t.Errorf("payload: TTL %d, error %v; want 255", p.TTL, err)
	}
}

const goldenEvent4 = `
	04                       # type: UDP event
	04                       # kind: ICMP error
	03 04                    # fragmentation needed
	3e                       # TTL of the error
	01                       # quoted TTL
	0578                     # MTU 1400
	0007                     # tag
	00 00                    # flags, reserved
	1122334455667788         # session
	0000000000000000         # no decision
	ac100a64                 # reporter 172.16.10.100`

const goldenEvent6 = `
	04                       # type: UDP event
	05                       # kind: denied
	01 01                    # administratively prohibited
	40                       # TTL
	00                       # quoted TTL unknown
	0000                     # no MTU
	ffff                     # tag
	01 00                    # flags: IPv6; reserved
	0000000000000001         # session
	00000000000000aa         # decision
	fd00000000010000 0000000000000057 # reporter fd00:0:1::57`

const goldenEventBare = `
	04                       # type: UDP event
	01                       # kind: registered
	00 00 00 00 0000         # no ICMP, no TTL, no MTU
	0003                     # tag
	00 00                    # flags, reserved
	0000000000000009         # session
	0000000000000000         # no decision; no reporter`

func TestUDPEventGolden(t *testing.T) {
	for _, c := range []struct {
		name, golden string
		want         UDPEvent
	}{
		{"ICMP error", goldenEvent4, UDPEvent{
			Session: 0x1122334455667788, Kind: EventICMP, ICMPType: 3, ICMPCode: 4, TTL: 62, QuotedTTL: 1,
			MTU: 1400, Tag: 7, Reporter: netip.MustParseAddr("172.16.10.100"),
		}},
		{"denied", goldenEvent6, UDPEvent{
			Session: 1, Decision: 0xaa, Kind: EventDenied, ICMPType: 1, ICMPCode: 1, TTL: 64, Tag: 0xffff,
			Reporter: netip.MustParseAddr("fd00:0:1::57"),
		}},
		{"registered", goldenEventBare, UDPEvent{Session: 9, Kind: EventRegistered, Tag: 3}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := wire(t, c.golden)
			wantBytes(t, AppendUDPEvent(nil, &c.want), b)
			var got UDPEvent
			if err := ParseUDPEvent(b, &got); err != nil {
				t.Fatal(err)
			}
			equal(t, got, c.want)
		})
	}
}

// An event is either without a reporter or with a whole one: nothing between parses, nor does anything behind it.
func TestUDPEventLengths(t *testing.T) {
	for golden, lengths := range map[string]map[int]bool{
		goldenEvent4: {28: true, 32: true},
		goldenEvent6: {44: true},
	} {
		b := wire(t, golden)
		for n := range len(b) + 1 {
			if err := ParseUDPEvent(b[:n:n], new(UDPEvent)); (err == nil) != lengths[n] {
				t.Errorf("%d of %d bytes: error %v", n, len(b), err)
			}
		}
		if err := ParseUDPEvent(append(b, 0), new(UDPEvent)); !errors.Is(err, ErrMalformed) {
			t.Errorf("one byte too many: error %v, want ErrMalformed", err)
		}
	}
	mapped := wire(t, goldenEvent6)
	copy(mapped[28:], netip.MustParseAddr("::ffff:1.2.3.4").AsSlice())
	if err := ParseUDPEvent(mapped, new(UDPEvent)); !errors.Is(err, ErrMalformed) {
		t.Errorf("IPv4-mapped reporter: error %v, want ErrMalformed", err)
	}
}

func TestHeartbeatGolden(t *testing.T) {
	ask := wire(t, `05 00 0123456789abcdef 0000000000 # type, request, nonce, padding to 15`)
	wantBytes(t, AppendHeartbeat(nil, Heartbeat{Nonce: 0x0123456789abcdef}, 15), ask)
	echo := wire(t, `05 01 0123456789abcdef # type, echo, nonce`)
	wantBytes(t, AppendHeartbeat(nil, Heartbeat{Nonce: 0x0123456789abcdef, Echo: true}, 0), echo)
	for _, b := range [][]byte{ask, echo} {
		h, err := ParseHeartbeat(b)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, h, Heartbeat{Nonce: 0x0123456789abcdef, Echo: b[1] == 1})
		prefixes(t, b, HeartbeatSize, func(b []byte) error { _, err := ParseHeartbeat(b); return err })
	}
	for _, bad := range []string{"05 02 0000000000000000", "04 00 0000000000000000"} {
		if _, err := ParseHeartbeat(wire(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", bad, err)
		}
	}
}

func TestPacketGolden(t *testing.T) {
	ip := bytes.Repeat([]byte{0x45}, 20)
	b := append([]byte{1}, ip...)
	wantBytes(t, AppendPacket(nil, ip), b)
	got, err := ParsePacket(b)
	if err != nil {
		t.Fatal(err)
	}
	wantBytes(t, got, ip)
	prefixes(t, b, PacketOverhead+20, func(b []byte) error { _, err := ParsePacket(b); return err })
	b[0] = 2
	if _, err := ParsePacket(b); !errors.Is(err, ErrMalformed) {
		t.Errorf("another type: error %v, want ErrMalformed", err)
	}
}

// Append functions append: what stands in the slice already stays.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	reg, pay, ev := registration4(), UDPPayload{Session: 1}, UDPEvent{Session: 1}
	for name, f := range map[string]func(b []byte) []byte{
		"packet":       func(b []byte) []byte { return AppendPacket(b, make([]byte, 20)) },
		"registration": func(b []byte) []byte { return AppendUDPRegistration(b, &reg) },
		"payload":      func(b []byte) []byte { return AppendUDPPayload(b, &pay) },
		"event":        func(b []byte) []byte { return AppendUDPEvent(b, &ev) },
		"heartbeat":    func(b []byte) []byte { return AppendHeartbeat(b, Heartbeat{}, 40) },
	} {
		b := f([]byte("before"))
		if !bytes.Equal(b, append([]byte("before"), f(nil)...)) {
			t.Errorf("%s: %x", name, b)
		}
	}
}

const goldenBatch = "06  0003 01aabb  0001 03  0002 0304" // type, then lengths and datagrams

func TestBatch(t *testing.T) {
	b := AppendBatched(AppendBatched(nil, []byte{1, 0xaa, 0xbb}), []byte{3})
	wantBytes(t, b, []byte{6, 0, 3, 1, 0xaa, 0xbb, 0, 1, 3})
	d, rest, err := ParseBatch(b[BatchHeader:])
	if err != nil || !bytes.Equal(d, []byte{1, 0xaa, 0xbb}) {
		t.Fatalf("first: %x, %v", d, err)
	}
	if d, rest, err = ParseBatch(rest); err != nil || !bytes.Equal(d, []byte{3}) || len(rest) != 0 {
		t.Fatalf("second: %x, rest %x, %v", d, rest, err)
	}
	for _, c := range []struct {
		in   []byte
		want error
	}{
		{[]byte{0}, ErrShort},
		{[]byte{0, 2, 1}, ErrShort},
		{[]byte{0, 0}, ErrMalformed},
		{[]byte{0, 1, byte(TypeBatch)}, ErrMalformed},
		{[]byte{0, 1, byte(TypeHeartbeat)}, ErrMalformed},
	} {
		if _, _, err := ParseBatch(c.in); err != c.want {
			t.Errorf("%x: %v, want %v", c.in, err, c.want)
		}
	}
}

// The packet path does not allocate.
func TestDatagramsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, MaxDatagram)
	reg, pay := registration6(), UDPPayload{Session: 1, Payload: make([]byte, 1200)}
	ev := UDPEvent{Session: 1, Kind: EventICMP, Reporter: netip.MustParseAddr("fd00::1")}
	for name, f := range map[string]func() error{
		"packet": func() error { _, err := ParsePacket(AppendPacket(buf, pay.Payload)); return err },
		"registration": func() error {
			var r UDPRegistration
			return ParseUDPRegistration(AppendUDPRegistration(buf, &reg), &r)
		},
		"payload": func() error { var p UDPPayload; return ParseUDPPayload(AppendUDPPayload(buf, &pay), &p) },
		"event":   func() error { var e UDPEvent; return ParseUDPEvent(AppendUDPEvent(buf, &ev), &e) },
		"heartbeat": func() error {
			_, err := ParseHeartbeat(AppendHeartbeat(buf, Heartbeat{Nonce: 1}, 1200))
			return err
		},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(name, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
