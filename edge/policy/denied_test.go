package policy

import (
	"fmt"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

// TestDenialsAreSummedUp by user, destination and service, whichever device and port of a probe.
func TestDenialsAreSummedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := compiled(t, good), NewLog()
		began := time.Now().UTC()
		carol, other := c.Principal("d1", "carol"), c.Principal("d2", "carol")
		l.Deny(c, carol, target(t, "udp 172.16.10.1:33434", ""))
		time.Sleep(time.Minute)
		l.Deny(c, other, target(t, "udp 172.16.10.1:33001", ""))
		last, _ := l.Deny(c, other, target(t, "udp 172.16.10.1:44444", ""))
		time.Sleep(time.Minute)
		ssh, _ := l.Deny(c, carol, target(t, "tcp 172.16.10.1:22", ""))
		l.Deny(c, c.Principal("d3", "dora"), target(t, "icmp fd00::1", ""))
		probes := Denied{"carol", "d2", netip.MustParseAddr("172.16.10.1"), "trace", began, began.Add(time.Minute), 3, last}
		tcp := Denied{"carol", "d1", netip.MustParseAddr("172.16.10.1"), "tcp:22", began.Add(2 * time.Minute), began.Add(2 * time.Minute), 1, ssh}
		if got := l.Denials("Carol", time.Time{}); len(got) != 2 || got[0] != tcp || got[1] != probes {
			t.Errorf("of carol: %+v, want %+v and %+v", got, tcp, probes)
		}
		if got := l.Denials("", began.Add(time.Minute)); len(got) != 2 || got[0].Service == "trace" || got[1].Service == "trace" {
			t.Errorf("of the last minute: %+v", got)
		}
		if got := l.Denials("nobody", time.Time{}); got == nil || len(got) != 0 {
			t.Errorf("of nobody: %#v", got)
		}
		time.Sleep(deniedFor)
		if got := l.Denials("", time.Time{}); len(got) != 0 {
			t.Errorf("a week later: %+v", got)
		}
	})
}

// TestUntoldDenials: the log has each sum at once, and once a minute what came since.
func TestUntoldDenials(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := compiled(t, good), NewLog()
		deny := func() { l.Deny(c, c.Principal("d1", "carol"), target(t, "tcp 172.16.10.1:22", "")) }
		told := func(want uint64) {
			t.Helper()
			got := uint64(0)
			for _, d := range l.Untold(time.Now()) {
				got += d.Count
			}
			if got != want {
				t.Errorf("told of %d, want %d", got, want)
			}
		}
		deny()
		select {
		case <-l.News():
		default:
			t.Error("no news of the first denial")
		}
		deny()
		told(2)
		deny()
		told(0)
		time.Sleep(tellAgain)
		deny()
		told(2)
		time.Sleep(tellAgain)
		told(0)
		select {
		case <-l.News():
			t.Error("news of what is known")
		default:
		}
	})
}

// TestSumsAreBounded: a scan fills its user's own, and no scan of many users pushes out who is denied
// little.
func TestSumsAreBounded(t *testing.T) {
	c, l := compiled(t, good), NewLog()
	l.Deny(c, c.Principal("d", "quiet"), target(t, "tcp 10.0.0.1:22", ""))
	for user := range 20 {
		a := netip.MustParseAddr("10.0.0.1")
		for range maxDeniedOf + 100 {
			l.Deny(c, c.Principal(fmt.Sprint("d", user), fmt.Sprint("scan", user)), Target{Dst: a, Proto: ICMP})
			a = a.Next()
		}
	}
	all := l.Denials("", time.Time{})
	if len(all) > maxDenied || len(l.Denials("scan0", time.Time{})) > maxDeniedOf || len(l.Denials("scan19", time.Time{})) == 0 {
		t.Errorf("%d sums in all", len(all))
	}
	if got := l.Denials("quiet", time.Time{}); len(got) != 1 {
		t.Errorf("of who was denied once: %+v", got)
	}
}
