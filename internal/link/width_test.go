package link

import (
	"net/netip"
	"testing"
	"time"
)

func TestPathMTUAndWhatItWas(t *testing.T) {
	at := time.Now()
	remote := netip.MustParseAddrPort("192.0.2.1:7844")
	var w width
	for _, s := range []struct {
		after   time.Duration
		mtu     int
		settled bool
		want    string
	}{
		{0, 1228, false, "RTT 1.23ms, path MTU 1228 (still being discovered)"},
		{1 * time.Second, 1400, false, "RTT 1.23ms, path MTU 1400 (still being discovered)"},
		{3 * time.Second, 1464, true, "RTT 1.23ms, path MTU 1464"},
		{60 * time.Second, 1464, true, "RTT 1.23ms, path MTU 1464"},
		{70 * time.Second, 1228, false, "RTT 1.23ms, path MTU 1228 (still being discovered; was 1464 until 0s ago)"},
		{72 * time.Second, 1264, false, "RTT 1.23ms, path MTU 1264 (still being discovered; was 1464 until 2s ago)"},
		{82 * time.Second, 1280, true, "RTT 1.23ms, path MTU 1280 since 12s (was 1464)"},
		{90 * time.Second, 1228, false, "RTT 1.23ms, path MTU 1228 (still being discovered; was 1280 until 0s ago)"},
		{93 * time.Second, 1280, true, "RTT 1.23ms, path MTU 1280 since 23s (was 1464)"},
		{120 * time.Second, 1452, true, "RTT 1.23ms, path MTU 1452 since 0s (was 1280)"},
	} {
		now := at.Add(s.after)
		w.see(s.mtu, s.settled, now)
		i := Info{Remote: remote, RTT: 1234567, PathMTU: s.mtu, Settled: s.settled}
		i.PathMTUBefore, i.PathMTUSince = w.change()
		if got := i.PathText(now); got != s.want {
			t.Errorf("after %v: %q, want %q", s.after, got, s.want)
		}
	}
	i := Info{RTT: time.Millisecond, PathMTU: 1464, Settled: true, Unanswered: 4 * time.Second}
	if got, want := i.PathText(at), "RTT 1ms, path MTU 1464, full-size packets unanswered for 4s"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestLossOfALinkForPeople(t *testing.T) {
	for want, i := range map[string]Info{
		"not known: hardly anything was sent in the last minute":                             {},
		"to the edge 19 % (28 of 148), from it 0 % (0 of 151), datagrams of the last minute": {LossOut: Loss{148, 28}, LossIn: Loss{151, 0}},
		"to the edge not known, from it 0 % (0 of 151), datagrams of the last minute":        {LossIn: Loss{151, 0}},
	} {
		if got := i.LossText("edge"); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
