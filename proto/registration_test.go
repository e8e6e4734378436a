package proto

import (
	"bytes"
	"errors"
	"net/netip"
	"testing"
)

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

func TestSetRegistrationIdle(t *testing.T) {
	want := UDPRegistration{Session: 1, Src: netip.MustParseAddrPort("100.96.0.1:5000"), Dst: netip.MustParseAddrPort("172.16.10.120:7"), Idle: 65535, TTL: 9, Payload: []byte("x")}
	d := AppendUDPRegistration(nil, &want)
	SetRegistrationIdle(d, 300)
	want.Idle = 300
	wantBytes(t, d, AppendUDPRegistration(nil, &want))
}
