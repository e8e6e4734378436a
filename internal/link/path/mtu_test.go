package path

import (
	"testing"
	"time"
)

// A path's limit counts as measured when quic-go had the round trips to measure it.
func TestMTUSearchHasItsTime(t *testing.T) {
	start := time.Unix(1000, 0)
	for _, c := range []struct {
		rtt, want time.Duration
	}{
		{0, 3 * time.Second},
		{5 * time.Millisecond, 3 * time.Second},
		{300 * time.Millisecond, 12 * time.Second},
		{time.Minute, 20 * time.Second},
	} {
		var m mtuTracker
		m.restart(start)
		m.allow(start.Add(time.Millisecond), c.rtt)
		if n, settled := m.get(start.Add(c.want - 1)); n != mtuStart || settled {
			t.Errorf("round trip %v: %d, settled %v just before %v", c.rtt, n, settled, c.want)
		}
		end := start.Add(c.want)
		m.allow(end, time.Hour)
		if _, settled := m.get(end); !settled {
			t.Errorf("round trip %v: not settled after %v, or no longer", c.rtt, c.want)
		}
		m.restart(end)
		if _, settled := m.get(end.Add(2 * time.Second)); settled {
			t.Errorf("round trip %v: settled 2 s into a new path", c.rtt)
		}
		m.set(mtuDone)
		if n, settled := m.get(end); n != mtuDone || !settled {
			t.Errorf("round trip %v: %d, settled %v at the largest size", c.rtt, n, settled)
		}
	}
}
