package identity

import (
	"net/netip"
	"testing"
	"time"
)

// TestASourceBeyondItsRateTakesNoPlace: what is refused for its source's rate
// must not keep the others out.
func TestASourceBeyondItsRateTakesNoPlace(t *testing.T) {
	l, now := newLimits(0), time.Unix(1000, 0)
	flood, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
	entered := 0
	for range 2 * maxEnrols {
		if _, refusal := l.enter(flood, now); refusal == "" {
			entered++
		}
	}
	if entered != sourceBurst {
		t.Errorf("%d of one source entered, want %d", entered, sourceBurst)
	}
	leave, refusal := l.enter(other, now)
	if refusal != "" {
		t.Fatalf("another source: %s", refusal)
	}
	leave()
	if got := l.underWay.Load(); got != sourceBurst {
		t.Errorf("%d under way, want %d", got, sourceBurst)
	}
}

func TestEnrolmentsUnderWayAreBounded(t *testing.T) {
	l, now := newLimits(0), time.Unix(1000, 0)
	from := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}) }
	var last func()
	for i := range maxEnrols {
		leave, refusal := l.enter(from(i), now)
		if refusal != "" {
			t.Fatalf("enrolment %d: %s", i, refusal)
		}
		last = leave
	}
	if _, refusal := l.enter(from(maxEnrols), now); refusal != "too many enrolments at once; try again" {
		t.Errorf("one too many: %q", refusal)
	}
	last()
	if _, refusal := l.enter(from(maxEnrols), now); refusal != "" {
		t.Errorf("after one left: %s", refusal)
	}
}
