package policy

import (
	"fmt"
	"net/netip"
	"slices"
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

// TestAScanIsOneLine: all ports of a destination, and nothing of it is lost.
func TestAScanIsOneLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := compiled(t, good), NewLog()
		carol, dst := c.Principal("d1", "carol"), netip.MustParseAddr("172.16.10.1")
		began, told := time.Now().UTC(), uint64(0)
		tell := func(want ...string) {
			t.Helper()
			var got []string
			for _, d := range l.Untold(time.Now()) {
				told += d.Count
				got = append(got, fmt.Sprint(d.Service, " ", d.Count))
			}
			if !slices.Equal(got, want) {
				t.Errorf("the log has %v, want %v", got, want)
			}
		}
		for port := 1; port <= 65535; port++ {
			l.Deny(c, carol, Target{Dst: dst, Proto: TCP, Port: uint16(port)})
			if port == 1 || port == 40 {
				tell(map[int][]string{1: {"tcp:1 1"}, 40: {"tcp:1-40 39"}}[port]...)
				time.Sleep(time.Second)
			}
		}
		id, _ := l.Deny(c, carol, Target{Dst: dst, Proto: TCP, Port: 22})
		tell()
		time.Sleep(tellAgain)
		tell("tcp:1-65535 65496")
		want := Denied{"carol", "d1", dst, "tcp:1-65535", began, began.Add(2 * time.Second), 65536, id}
		if got := l.Denials("", time.Time{}); len(got) != 1 || got[0] != want {
			t.Errorf("denials %+v, want %+v", got, want)
		}
		if told != 65536 {
			t.Errorf("told of %d", told)
		}
	})
}

// TestNothingDeniedIsLost: the counts of a user's lines are what he was denied, in the log and in the
// list, however many destinations they were, and the log has no more lines than its limit lets through.
func TestNothingDeniedIsLost(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		c, l := compiled(t, good), NewLog()
		told, lines := map[string]uint64{}, map[string]int{}
		tell := func() {
			for _, d := range l.Untold(time.Now()) {
				told[d.User] += d.Count
				lines[d.User]++
			}
		}
		const users, hosts = 300, 700
		want := map[string]uint64{}
		for user := range users {
			name := fmt.Sprint("scan", user)
			p, a := c.Principal("d", name), netip.MustParseAddr("10.0.0.1")
			for host := range hosts + user {
				l.Deny(c, p, Target{Dst: a, Proto: []Proto{ICMP, TCP, UDP}[host%3], Port: uint16(host % 50)})
				if host%100 == 0 {
					a = a.Next()
				} else if host%7 > 0 {
					a = a.Next()
				}
				want[name]++
			}
			if user%10 == 0 {
				time.Sleep(time.Second)
				tell()
			}
		}
		for range 3 {
			time.Sleep(tellAgain)
			tell()
		}
		sum := func(of map[string]uint64) (n uint64) {
			for _, v := range of {
				n += v
			}
			return n
		}
		all := l.Denials("", time.Time{})
		listed := map[string]uint64{}
		for _, d := range all {
			listed[d.User] += d.Count
		}
		for _, got := range []map[string]uint64{told, listed} {
			if sum(got) != sum(want) {
				t.Errorf("%d in all, want %d", sum(got), sum(want))
			}
			for user, n := range got {
				if user != "" && n > want[user] {
					t.Errorf("%d of %s, want %d", n, user, want[user])
				}
			}
			if got["scan0"] != want["scan0"] || got["scan100"] != want["scan100"] {
				t.Errorf("of scan0 %d, want %d; of scan100 %d, want %d", got["scan0"], want["scan0"], got["scan100"], want["scan100"])
			}
		}
		if len(all) > maxDenied {
			t.Errorf("%d lines", len(all))
		}
		for user, n := range lines {
			if n > maxLines+4 { // four minutes
				t.Errorf("%s has %d lines", user, n)
			}
		}
	})
}
