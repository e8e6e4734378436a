package identity

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// admitted counts how many of n connections of from get in, and leaves their places at once.
func admitted(s *strangers, from netip.Addr, n int, now time.Time) (in int) {
	for range n {
		if leave, why := s.admit(from, false, now); why == packet.OK {
			leave()
			in++
		}
	}
	return in
}

// TestAFloodOfStrangersKeepsNoNodeOut: they use up their own tokens and their own places.
func TestAFloodOfStrangersKeepsNoNodeOut(t *testing.T) {
	s, now := newStrangers(256<<20), time.Unix(1000, 0)
	node := netip.MustParseAddr("203.0.113.7")
	s.know(host(node), now)
	in := 0
	for i := range 4000 { // of 1,000 networks, that hold what they get
		if _, why := s.admit(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), false, now); why == packet.OK {
			in++
		}
	}
	if in != 256*3/4 {
		t.Errorf("%d strangers got a place, want three quarters of 256", in)
	}
	if got := admitted(s, node, 100, now); got != 100 {
		t.Errorf("%d of 100 links of a known address let in", got)
	}
	if _, why := s.admit(netip.MustParseAddr("198.51.100.1"), false, now); why != packet.TableFull && why != packet.RateLimited {
		t.Errorf("one more stranger: %v", why)
	}
}

// TestANetworkHasItsShare: neither tokens nor places of the others.
func TestANetworkHasItsShare(t *testing.T) {
	s, now := newStrangers(1<<30), time.Unix(1000, 0)
	in := 0
	for i := range 256 { // addresses of one /24
		in += admitted(s, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), 1, now)
	}
	if in != networkBurst {
		t.Errorf("%d handshakes of one /24, want %d", in, networkBurst)
	}
	if got := admitted(s, netip.MustParseAddr("192.0.3.1"), 1, now); got != 1 {
		t.Error("another network is kept out")
	}
	s, held := newStrangers(256<<20), 0
	for i := range 100 {
		if _, why := s.admit(netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}), false, now); why == packet.OK {
			held++
		}
	}
	if held != 256/8 {
		t.Errorf("%d places of one /24, want an eighth of 256", held)
	}
}

func TestStrangersWaitWhileMemoryIsShort(t *testing.T) {
	s, now := newStrangers(0), time.Unix(1000, 0)
	node, other := netip.MustParseAddr("2001:db8:1:2::7"), netip.MustParseAddr("2001:db8:1:3::7")
	s.know(host(node), now)
	if _, why := s.admit(other, true, now); why != packet.NoBuffers {
		t.Errorf("a stranger: %v, want %v", why, packet.NoBuffers)
	}
	if _, why := s.admit(netip.MustParseAddr("2001:db8:1:2::8"), true, now); why != packet.OK {
		t.Errorf("a known /64: %v", why)
	}
	if _, why := s.admit(node, true, now.Add(knownFor)); why != packet.NoBuffers {
		t.Errorf("known a day ago: %v", why)
	}
}

// TestAForgedAddressUsesUpHalf: from there on a network has to prove itself, so that nobody uses it
// up in its name.
func TestAForgedAddressUsesUpHalf(t *testing.T) {
	now := time.Unix(1000, 0)
	a := New(Config{Now: func() time.Time { return now }})
	forged := &net.UDPAddr{IP: net.IPv4(192, 0, 2, 9), Port: 4000}
	unproven := 0
	for range 1000 {
		if !a.RequireRetry(forged) {
			unproven++
			if leave, err := a.Admit(netip.MustParseAddr("192.0.2.9"), false); err == nil {
				leave()
			}
		}
	}
	if unproven != networkBurst/2+1 {
		t.Errorf("%d were believed unproven, want %d", unproven, networkBurst/2+1)
	}
	if _, err := a.Admit(netip.MustParseAddr("192.0.2.9"), true); err != nil {
		t.Error("the real one is kept out:", err)
	}
}

func TestTheOldestKnownAddressMakesRoom(t *testing.T) {
	s, now := newStrangers(0), time.Unix(1000, 0)
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)}) }
	for i := range maxKnown + 1 {
		s.know(at(i), now.Add(time.Duration(i)*time.Millisecond))
	}
	now = now.Add(time.Hour)
	if s.isKnown(at(0), now) || !s.isKnown(at(1), now) || !s.isKnown(at(maxKnown), now) || len(s.known) != maxKnown {
		t.Errorf("known: first %v, second %v, last %v, %d in all", s.isKnown(at(0), now), s.isKnown(at(1), now), s.isKnown(at(maxKnown), now), len(s.known))
	}
}
