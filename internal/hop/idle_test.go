package hop

import (
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
