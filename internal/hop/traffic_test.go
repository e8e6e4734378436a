package hop

import (
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
)

func TestASessionChangesItsClassOnce(t *testing.T) {
	var c Traffic
	for i, step := range []struct {
		size int
		want link.Class
	}{{0, link.Interactive}, {bulkPayload, link.Interactive}, {bulkPayload + 1, link.Bulk}, {60, link.Bulk}, {0, link.Bulk}} {
		if got := c.Class(step.size); got != step.want {
			t.Errorf("payload %d of %d bytes: class %d, want %d", i, step.size, got, step.want)
		}
	}
	var next Traffic
	if next.Inherit(&c); next.Class(1) != link.Bulk {
		t.Error("the session in its place begins anew")
	}
}

// Only one question and one answer of a name server end a session early (RFC 4787 REQ-5 a).
func TestIdleAfterADNSExchange(t *testing.T) {
	const limit = 5 * time.Minute
	for _, c := range []struct {
		port      uint16
		sent, got int
		want      time.Duration
	}{
		{53, 1, 0, limit},
		{53, 1, 1, DNSIdle},
		{53, 2, 1, limit},
		{53, 1, 2, limit},
		{53, 300, 300, limit},
		{53, 0, 1, limit},
		{5353, 1, 1, limit},
	} {
		var old, tr Traffic
		for range c.sent {
			old.Sent()
		}
		for range c.got {
			old.Received()
		}
		tr.Inherit(&old)
		if got := tr.Idle(c.port, limit); got != c.want || tr.Answered() != (c.got > 0) {
			t.Errorf("port %d, %d sent, %d received: idle %v, answered %v", c.port, c.sent, c.got, got, tr.Answered())
		}
	}
}
