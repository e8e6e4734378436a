//go:build linux

package e2e

import (
	"net/netip"
	"testing"
	"time"
)

// edgeStatus is what the tests read of `edge status --json`.
type edgeStatus struct {
	Devices []struct {
		ID, User string
		Addrs    []netip.Addr
		Link     struct {
			Since   time.Time
			Reasons map[string]uint64
		}
	}
	Sessions, Flows int
	Reasons         map[string]uint64
}

func (l *lab) edgeStatus() edgeStatus {
	l.t.Helper()
	var s edgeStatus
	l.json("edge", &s, "oneping", "edge", "status", "--json")
	return s
}

// addrsOf returns the addresses of a user's only device.
func (s edgeStatus) addrsOf(t testing.TB, user string) (v4, v6 string) {
	t.Helper()
	for _, d := range s.Devices {
		if d.User == user && len(d.Addrs) == 2 {
			return d.Addrs[0].String(), d.Addrs[1].String()
		}
	}
	t.Fatalf("no device of %s in %+v", user, s.Devices)
	return "", ""
}

// Bob gives his laptop the addresses of Alice's and sends from them what she may
// send: nothing of it passes the edge, which counts it.
func TestSpoofedSource(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "nc", "ip")
	l := newLab(t, "--laptops", "2")
	before := l.edgeStatus()
	alice4, alice6 := before.addrsOf(t, "alice@example.com")
	l.run("laptop2", "ip", "addr", "add", alice4+"/32", "dev", "lo")
	l.run("laptop2", "ip", "addr", "add", alice6+"/128", "dev", "lo")
	server, alice := l.capture("server", "eth0"), l.capture("laptop", "oneping0")
	spoofed := before.Reasons["spoofed"]
	for _, c := range []struct{ src, dst string }{{alice4, serverV4}, {alice6, serverV6}} {
		for _, probe := range []struct {
			name  string
			argv  []string
			least uint64 // packets; a TCP socket sends its SYN again
		}{
			{"ICMP", []string{"ping", "-n", "-c2", "-i0.1", "-W1", "-I", c.src, c.dst}, 2},
			{"UDP", []string{"sh", "-c", "echo hello | nc -u -w1 -s " + c.src + " " + c.dst + " 9"}, 1},
			{"TCP", []string{"timeout", "0.9", "nc", "-s", c.src, c.dst, "22"}, 1},
		} {
			r := l.exec("laptop2", probe.argv...)
			now := l.edgeStatus().Reasons["spoofed"]
			if probe.name != "UDP" && r.code == 0 || now-spoofed != probe.least {
				t.Errorf("%s from %s: %d spoofed, want %d; exit code %d\n%s%s", probe.name, c.src, now-spoofed, probe.least, r.code, r.stdout, r.stderr)
			}
			spoofed = now
		}
	}
	for name, c := range map[string]*capture{"the server": server, "Alice": alice} {
		for _, p := range c.stop(nil) {
			if p.Src.String() == connectorV4 || p.SrcPort != 0 || p.IsEchoRequest() || name == "Alice" && !p.out {
				t.Errorf("%s saw %v", name, p)
			}
		}
	}
	// The laptop itself goes on as itself.
	if got := l.run("laptop", "tool", "udp-errno", serverV4+":9"); got[:len("read ECONNREFUSED")] != "read ECONNREFUSED" {
		t.Errorf("Alice's own packets: %q", got)
	}
	after := l.edgeStatus()
	for i, d := range after.Devices {
		if !d.Link.Since.Equal(before.Devices[i].Link.Since) {
			t.Errorf("the link of %s was replaced", d.User)
		}
		if d.User == "alice@example.com" && d.Link.Reasons["spoofed"] != 0 {
			t.Errorf("counted against Alice: %v", d.Link.Reasons)
		}
	}
}
