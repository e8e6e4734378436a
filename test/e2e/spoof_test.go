//go:build linux

package e2e

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// A device that registers, uses or ends the session of another one is told
// nothing and counted; the session goes on, and the server hears nothing of it.
func TestStolenSession(t *testing.T) {
	t.Parallel()
	for name, dst := range map[string]string{"v4": serverV4 + ":7", "v6": "[" + serverV6 + "]:7"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flag, path := policy(t, everyone)
			l := newLab(t, flag, path)
			l.echoServer("7")
			c := l.capture("server", "eth0")
			victim := l.victim(dst)
			out := l.run("connector", append(l.hostileDevice("mallory@example.com"), "-n", "10", "-i", "5ms", "steal", dst)...)
			if !strings.Contains(out, "nothing came") {
				t.Errorf("the thief was answered: %s", out)
			}
			if got := l.edgeStatus().Reasons["spoofed"]; got != 40 { // ten registrations, payloads, and two kinds of event
				t.Errorf("%d datagrams spoofed, want 40", got)
			}
			l.unharmed(victim)
			for _, p := range c.stop(func(p *captured) bool { return !p.out && p.Class == packet.ClassUDP }) {
				if !strings.HasPrefix(string(p.Payload()), "honest ") {
					t.Errorf("the server received %q: %v", p.Payload(), p)
				}
			}
		})
	}
}

// A connector speaks only for what its tunnel serves, and only in its own sessions; of what the
// laptop has not asked from there nothing reaches the laptop's link.
func TestForgingConnector(t *testing.T) {
	t.Parallel()
	flag, path := policy(t, everyone)
	l := newLab(t, flag, path)
	l.echoServer("7")
	victim := l.victim(serverV4 + ":7")
	var client struct {
		Addrs   []string
		Reasons map[string]uint64
	}
	l.json("laptop", &client, "oneping", "client", "status", "--json")
	if len(client.Addrs) != 2 {
		t.Fatalf("the laptop's addresses are %q", client.Addrs)
	}
	v4, v6 := client.Addrs[0], client.Addrs[1]
	evil := l.hostileConnector()
	c := l.capture("laptop", "oneping0")
	out := l.run("connector", append(evil, "-n", "10", "-i", "2ms", "forge", v4, serverV4, v6, serverV6, v4, "172.17.5.1")...)
	if !strings.Contains(out, "170 datagrams sent\nnothing came") {
		t.Errorf("forge said %s", out)
	}
	l.unharmed(victim)
	reasons := l.edgeStatus().Reasons
	for name, want := range map[string]uint64{"unsolicited": 120, "spoofed": 40, "unknown type": 10} {
		if reasons[name] != want {
			t.Errorf("%s: %d, want %d of %v", name, reasons[name], want, reasons)
		}
	}
	l.json("laptop", &client, "oneping", "client", "status", "--json")
	if got := client.Reasons["unsolicited"]; got != 0 {
		t.Errorf("unsolicited on the laptop: %d, want none of %v", got, client.Reasons)
	}
	if got := c.stop(func(p *captured) bool { return !p.out }); len(got) > 0 {
		t.Errorf("the laptop received %v", got)
	}
}

// unsolicited returns how many answers to nothing the connector has counted.
func (l *lab) unsolicited() uint64 {
	l.t.Helper()
	var status struct{ Reasons map[string]uint64 }
	l.json("connector", &status, "oneping", "connector", "status", "--json")
	return status.Reasons["unsolicited"]
}

// Replies that nobody asked for end at the connector: of another host of the
// subnet with the right identifier and sequences, and of the right host with others.
func TestForgedReplies(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--hosts", "2")
	for _, f := range families {
		forger := map[string]string{"-4": host2V4, "-6": host2V6}[f.flag]
		ident := map[string]string{"-4": "777", "-6": "778"}[f.flag] // ping sockets of both families share their identifiers
		number, _ := strconv.Atoi(ident)
		before := l.unsolicited()
		seen := l.capture("laptop", "oneping0")
		pinger := l.start("laptop", "tool", "ping", "-ident", ident, "-n", "100", "-i", "20ms", f.server)
		pinger.waitFor("pinging")
		l.poll("a mapping with this identifier", 5*time.Second, func() bool { return slices.Contains(l.pingSockets(), number) })
		const forged = 50
		l.run("host2", "tool", "inject", "-kind", "reply", "-ident", ident, "-seq", "1", "-n", fmt.Sprint(forged), "-i", "5ms", forger, f.connector)
		l.run("host2", "tool", "inject", "-kind", "reply", "-ident", ident, "-seq", "40000", "-n", fmt.Sprint(forged), "-i", "5ms", f.server, f.connector)
		if r := pinger.wait(time.Minute); r.code != 0 || !strings.Contains(r.stdout, "100 sent, 100 right, 0 wrong, 0 duplicate\n") {
			t.Errorf("%s: exit code %d\n%s%s", pinger.what, r.code, r.stdout, r.stderr)
		}
		replies := seen.stop(func(p *captured) bool { return p.Class == packet.ClassICMP && p.IsEchoReply() })
		if len(replies) != 100 {
			t.Errorf("%s: %d replies came out of the laptop's device, want 100", f.server, len(replies))
		}
		if got := l.unsolicited() - before; got != 2*forged {
			t.Errorf("%s: %d replies counted as unsolicited, want %d", f.server, got, 2*forged)
		}
	}
}

// Bob gives his laptop the addresses of Alice's and sends from them what she may
// send: nothing of it passes his own client, which counts it, tells the program and warns. (What the edge
// does where the client is not honest: TestStolenSession, TestPacketFromClient.)
func TestSpoofedSource(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "nc", "ip")
	l := newLab(t, "--laptops", "2")
	before := l.edgeStatus()
	alice4, alice6 := before.addrsOf(t, "alice@example.com")
	l.run("laptop2", "ip", "addr", "add", alice4+"/32", "dev", "lo")
	l.run("laptop2", "ip", "addr", "add", alice6+"/128", "dev", "lo")
	server, alice := l.capture("server", "eth0"), l.capture("laptop", "oneping0")
	spoofed := l.clientReason("laptop2", "spoofed")
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
			now := l.clientReason("laptop2", "spoofed")
			if probe.name != "UDP" && r.code == 0 || now-spoofed != probe.least {
				t.Errorf("%s from %s: %d spoofed, want %d; exit code %d\n%s%s", probe.name, c.src, now-spoofed, probe.least, r.code, r.stdout, r.stderr)
			}
			if probe.name == "ICMP" && c.src == alice4 && !strings.Contains(r.stdout, " icmp_seq=2 Packet filtered") {
				t.Errorf("ping was told\n%s", r.stdout)
			}
			spoofed = now
		}
		status := l.run("laptop2", "oneping", "client", "status")
		if want := " of another source than this device were refused, the last of " + c.src + "\n"; !strings.Contains(status, want) || !strings.Contains(status, "-o oneping0 -j MASQUERADE") {
			t.Errorf("no warning with %q in\n%s", want, status)
		}
	}
	if got := l.edgeStatus().Reasons["spoofed"]; got != 0 {
		t.Errorf("the edge was sent %d", got)
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
		if d.Link.Since.Sub(before.Devices[i].Link.Since).Abs() > time.Millisecond { // by the clock of each moment (term.Moment)
			t.Errorf("the link of %s was replaced", d.User)
		}
		if d.User == "alice@example.com" && d.Link.Reasons["spoofed"] != 0 {
			t.Errorf("counted against Alice: %v", d.Link.Reasons)
		}
	}
}

// clientReason returns how much a client has counted for a reason.
func (l *lab) clientReason(node, reason string) uint64 {
	l.t.Helper()
	var status struct{ Reasons map[string]uint64 }
	l.json(node, &status, "oneping", "client", "status", "--json")
	return status.Reasons[reason]
}
