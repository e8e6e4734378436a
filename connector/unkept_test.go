package connector

import (
	"net/netip"
	"testing"
)

func TestUnkept(t *testing.T) {
	at := func(port uint16) netip.AddrPort { return netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port) }
	for _, c := range []struct {
		src, dst uint16
		udp      bool
		want     Unkept
	}{
		{50000, 22, false, Unkept{}},
		{1024, 69, false, Unkept{}}, // no TFTP
		{1023, 2049, false, Unkept{SourcePorts: 1}},
		{500, 500, true, Unkept{SourcePorts: 1}},
		{0, 53, true, Unkept{SourcePorts: 1}},
		{50000, 69, true, Unkept{OtherPorts: 1}},
		{69, 69, true, Unkept{SourcePorts: 1, OtherPorts: 1}},
	} {
		var u unkept
		u.note(at(c.src), at(c.dst), c.udp)
		if got := u.status(); got != c.want {
			t.Errorf("%d to %d, UDP %v: %+v, want %+v", c.src, c.dst, c.udp, got, c.want)
		}
	}
	if text := (Unkept{}).String(); text != "" {
		t.Errorf("nothing to say: %q", text)
	}
}
