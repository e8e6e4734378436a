//go:build linux

package e2e

import (
	"testing"
	"time"
)

// Before path MTU discovery has settled nothing is too big: a number that is not
// yet true would poison the host for ten minutes.
func TestUnsettled(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t, "--link", "laptop-edge:delay=150ms", "--link", "edge-connector:delay=150ms")
	for _, f := range families {
		out := l.exec("laptop", "ping", "-n", "-c1", "-W2", "-M", "do", "-s", "1400", f.server).stdout
		if settled, _ := l.pathMTU(); settled {
			t.Fatalf("settled before the first ping of 1400 bytes to %s has ended: the delay is too short for this test", f.server)
		}
		if !answered.MatchString(out) {
			t.Errorf("not settled, and a ping of 1400 bytes has not crossed:\n%s", out)
		}
	}
	var mtu int
	l.poll("path MTU of the laptop", 25*time.Second, func() (settled bool) {
		settled, mtu = l.pathMTU()
		return settled
	})
	if mtu < 1500-20-28 || mtu > 1500 { // found step by step, each five round trips of 300 ms
		t.Errorf("settled with a path MTU of %d, the link's is 1500", mtu)
	}
}

// pathMTU returns what the laptop knows of the path to the edge.
func (l *lab) pathMTU() (settled bool, mtu int) {
	l.t.Helper()
	var status struct {
		Link struct {
			Settled bool
			MTU     int `json:"path_mtu"`
		}
	}
	l.json("laptop", &status, "oneping", "client", "status", "--json")
	return status.Link.Settled, status.Link.MTU
}

// Afterwards it is as with a router: the first is refused with the number, by
// the hop whose link it is, and the host cuts the next ones into what fits.
func TestSettled(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t)
	l.settle()
	for _, f := range families {
		out := l.exec("laptop", "ping", "-n", "-c3", "-i0.2", "-W2", "-s", "1400", f.server).stdout
		said, got := tooBig[f.flag].FindAllStringSubmatch(out, -1), answered.FindAllStringSubmatch(out, -1)
		if len(said) != 1 || said[0][1] != f.edge || said[0][2] != "1" {
			t.Errorf("%s: the first, and only that, is refused by %s:\n%s", f.server, f.edge, out)
		}
		if len(got) != 2 || got[0][2] != "2" || got[1][2] != "3" || got[0][1] != f.server {
			t.Errorf("%s: the second and third are answered:\n%s", f.server, out)
		}
	}
}
