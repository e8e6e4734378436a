//go:build linux

package e2e

import (
	"testing"
	"time"
)

// A link that is fed nonsense goes on with its other traffic, and so do all
// others; what came is counted.
func TestFlood(t *testing.T) {
	t.Parallel()
	for _, role := range []string{"client", "connector"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			needs(t, "ping")
			flag, path := policy(t, everyone)
			l := newLab(t, flag, path)
			args, own := l.hostileDevice("mallory@example.com"), []string{serverV4, serverV6}
			if role == "connector" {
				args, own = l.hostileConnector(), nil
			}
			flood := l.start("connector", append(append(args, "-n", "5000", "-i", "1ms", "flood"), own...)...)
			flood.waitFor("flooding")
			pings := make(map[string]*process)
			for _, dst := range []string{serverV4, serverV6} {
				pings[dst] = l.start("laptop", pingFor(300, "-i", "0.02", dst)...)
			}
			flood.waitFor("the link lives") // its own echo came back after every step
			if role == "connector" {
				l.ping("laptop", 20, "-i", "0.02", "172.17.5.1") // which the hostile connector answers
			}
			for dst, p := range pings {
				wantReplies(t, "ping "+dst+" beside the flood", p.wait(30*time.Second), 300)
			}
			link, edge := l.hostileReasons(), l.edgeStatus().Reasons
			for name, least := range map[string]uint64{"malformed": 1500, "unknown type": 1500, "too large": 4} {
				if link[name] < least {
					t.Errorf("the link counted %q %d times, want %d: %v", name, link[name], least, link)
				}
			}
			if edge["malformed"] < 1000 || edge["unknown type"] < 1000 {
				t.Errorf("the edge counted %v", edge)
			}
			var sum uint64
			for _, n := range link {
				sum += n
			}
			t.Logf("%d counted: %v", sum, link)
		})
	}
}

// A device that pours out pings as fast as its link takes them loses its own: another one's are all answered.
func TestFloodOfPings(t *testing.T) {
	needs(t, "ping")
	flag, path := policy(t, everyone)
	l := newLab(t, flag, path)
	flood := l.start("connector", append(l.hostileDevice("mallory@example.com"), "pour", serverV4)...)
	flood.waitFor("pouring")
	pings := l.start("laptop", pingFor(200, "-i", "0.05", serverV4)...)
	wantUnhurt(t, "ping beside the flood", pings.wait(time.Minute), 200)
	t.Logf("%s", flood.interrupt().stdout)
}
