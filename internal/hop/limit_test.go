package hop

import (
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// What is refused for want of room leaves half of the burst to a traceroute of the same
// client, and nobody takes anything from another.
func TestErrorLimits(t *testing.T) {
	now := time.Now()
	rate := ErrorRate{PerSecond: 10, Burst: 20}
	one, many := NewErrorLimit(rate), NewErrorLimits(rate, 2)
	a, b := netip.MustParseAddr("100.96.0.1"), netip.MustParseAddr("100.96.0.2")
	for name, allow := range map[string]func(packet.Reason, time.Time) bool{
		"one":  one.Allow,
		"many": func(why packet.Reason, now time.Time) bool { return many.Allow(a, why, now) },
	} {
		burst := func(why packet.Reason) (n int) {
			for allow(why, now) {
				n++
			}
			return n
		}
		for _, why := range []packet.Reason{packet.TableFull, packet.Unanswered, packet.NoBuffers} {
			want := map[packet.Reason]int{packet.TableFull: 10}[why]
			if got := burst(why); got != want {
				t.Errorf("%s: %d errors for %v, want %d", name, got, why, want)
			}
		}
		if got := burst(packet.TTLExpired); got != 10 {
			t.Errorf("%s: %d errors for an expired TTL, want the rest of 20", name, got)
		}
		if now := now.Add(time.Second); !allow(packet.TTLExpired, now) || allow(packet.TableFull, now) {
			t.Errorf("%s: refilled with something else than 10", name)
		}
	}
	if !many.Allow(b, packet.TableFull, now) {
		t.Error("another client has nothing left")
	}
	// Those that find no place share one limit, and take nothing of those that have one.
	for i := range 100 {
		many.Allow(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), packet.TTLExpired, now)
	}
	if many.Allow(netip.MustParseAddr("10.1.1.1"), packet.TTLExpired, now) || !many.Allow(b, packet.TTLExpired, now) {
		t.Error("a crowd has a limit each, or shares that of a client with a place")
	}
}
