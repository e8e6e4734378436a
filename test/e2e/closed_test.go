//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// goes returns the device by which a packet for the server leaves, "-" for none.
func (l *lab) goes() string {
	l.t.Helper()
	r := l.exec("laptop", "ip", "route", "get", serverV4)
	fields := strings.Fields(r.stdout)
	for i, f := range fields[:max(0, len(fields)-1)] {
		if f == "dev" {
			return fields[i+1]
		}
	}
	return "-"
}

// Whatever happens to the device or the routes, nothing that is captured leaves by another
// interface: they come back, and the client goes on.
func TestClosedWithoutDevice(t *testing.T) {
	t.Parallel()
	needs(t, "ip", "ping", "nft")
	l := newLab(t)
	l.run("laptop", "sh", "-ec", leakMeter)
	pids := l.pids()
	for _, change := range []struct{ what, commands string }{
		{"deleted", "ip link del oneping0"},
		{"set down", "ip link set oneping0 down"},
		{"renamed", "ip link set oneping0 down\nip link set oneping0 name vpn0\nip link set vpn0 up || true"},
		{"renamed and down", "ip link set oneping0 down\nip link set oneping0 name vpn0"},
		{"without its address", "ip addr flush dev oneping0"},
		{"without routes", "ip route flush dev oneping0 table all\nip -6 route flush dev oneping0 table all"},
		{"without a table", "ip route flush table 7844\nip -6 route flush table 7844"},
		{"without the other tables", "ip route flush table 7845\nip route flush table 9844"},
	} {
		l.changed(change.what, change.commands)
	}
	if c := l.look(); c.leaked > 0 {
		t.Errorf("%d packets left by another interface:\n%s", c.leaked, l.run("laptop", "nft", "list", "table", "inet", "leaks"))
	}
	l.changed("without rules", "ip rule flush\nip rule add pref 32766 lookup main\nip rule add pref 32767 lookup default")
	if after := l.pids(); strings.Join(after, " ") != strings.Join(pids, " ") {
		t.Errorf("processes are %v, were %v", after, pids)
	}
	l.logged("laptop", "the TUN device is gone")
	l.logged("laptop", "the TUN device is there again")
	l.logged("laptop", "the TUN device was renamed")
}

// changed has other software change the laptop, and waits until the client has put it right.
func (l *lab) changed(what, commands string) {
	l.t.Helper()
	l.run("laptop", "sh", "-ec", commands)
	l.poll("a ping crosses after: "+what, 15*time.Second, func() bool {
		return l.exec("laptop", "ping", "-n", "-c1", "-W1", serverV4).code == 0 && l.goes() == "oneping0"
	})
	l.poll("ready after: "+what, 15*time.Second, func() bool { return l.statusReady("laptop").code == 0 })
}

// A client that cannot start leaves what it found: the rules of one that was killed hold, and the
// error says what ends that. With nothing to find it leaves nothing.
func TestClosedAfterAFailedStart(t *testing.T) {
	t.Parallel()
	needs(t, "ip")
	l := newLab(t)
	key := laptopState + "/node.key"
	start := func() result { return l.exec("laptop", "oneping", "client", "up") }
	l.run("laptop", "cp", key, key+".good")
	for _, broken := range []struct{ what, how, mend, says string }{
		{"key", ": > " + key, "cp " + key + ".good " + key, "node.key: it is empty"},
		{"device", "ip link add oneping0 type veth peer name peer0", "ip link del oneping0", "an interface oneping0 of another kind exists"},
	} {
		l.kill("laptop")
		l.run("laptop", "sh", "-ec", broken.how)
		r := start()
		if r.code != 1 || !strings.Contains(r.stderr, broken.says) || !strings.Contains(r.stderr, "what was captured stays unreachable until a client runs here again, or until: oneping client repair") {
			t.Errorf("%s: code %d\n%s", broken.what, r.code, r.stderr)
		}
		if got := l.goes(); got != "-" {
			t.Errorf("%s: after the failed start %s goes by %s", broken.what, serverV4, got)
		}
		l.run("laptop", "oneping", "client", "repair")
		if got := l.goes(); got != "eth0" {
			t.Errorf("%s: after repair %s goes by %s", broken.what, serverV4, got)
		}
		if r := start(); r.code != 1 || strings.Contains(r.stderr, "stays unreachable") || l.goes() != "eth0" {
			t.Errorf("%s, with nothing left: code %d, %s goes by %s\n%s", broken.what, r.code, serverV4, l.goes(), r.stderr)
		}
		l.run("laptop", "sh", "-ec", broken.mend)
		l.up("laptop")
	}
}

// With a strict reverse path filter the client finds an edge that lies within a captured prefix,
// also when it starts with that prefix captured.
func TestStrictEdgeCaptured(t *testing.T) {
	t.Parallel()
	needs(t, "ip", "sysctl", "ping")
	l := newLab(t)
	l.run("laptop", "sysctl", "-qw", "net.ipv4.conf.eth0.rp_filter=1", "net.ipv4.conf.all.rp_filter=1")
	for _, prefix := range []string{"192.0.2.0/24", "0.0.0.0/0"} {
		l.run("edge", "oneping", "route", "capture", "add", "--yes", prefix)
		l.poll(prefix+" is captured", 10*time.Second, func() bool {
			return strings.Contains(l.run("laptop", "oneping", "client", "status"), prefix)
		})
		for _, end := range []func(string){l.stop, l.kill} {
			end("laptop")
			l.up("laptop") // waits for the link
			l.linked(10 * time.Second)
		}
	}
	if out := l.run("laptop", "oneping", "client", "status"); !strings.Contains(out, "rp_filter is strict on ") || !strings.Contains(out, "ICMP errors from the way to the edge") {
		t.Errorf("status does not warn of strict filters:\n%s", out)
	}
}
