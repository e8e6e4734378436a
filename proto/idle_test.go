package proto

import (
	"net/netip"
	"testing"
	"time"
)

func TestSessionIdle(t *testing.T) {
	for _, c := range []struct {
		asked, limit uint16
		want         time.Duration
	}{
		{0, 0, 300 * time.Second},
		{200, 0, 200 * time.Second},
		{30, 0, 120 * time.Second},
		{65535, 0, 300 * time.Second},
		{0, 900, 900 * time.Second},
		{600, 900, 600 * time.Second},
		{65535, 900, 900 * time.Second},
		{0, 60, 120 * time.Second},
		{300, 60, 120 * time.Second},
		{65535, 65535, 65535 * time.Second},
	} {
		if got := SessionIdle(c.asked, c.limit); got != c.want {
			t.Errorf("asked %d, limit %d: %v, want %v", c.asked, c.limit, got, c.want)
		}
	}
}

func TestSetRegistrationIdle(t *testing.T) {
	want := UDPRegistration{Session: 1, Src: netip.MustParseAddrPort("100.96.0.1:5000"), Dst: netip.MustParseAddrPort("172.16.10.120:7"), Idle: 65535, TTL: 9, Payload: []byte("x")}
	d := AppendUDPRegistration(nil, &want)
	SetRegistrationIdle(d, 300)
	want.Idle = 300
	wantBytes(t, d, AppendUDPRegistration(nil, &want))
}
