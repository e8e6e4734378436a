//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// hostileReasons returns what the edge counts on the link of the one hostile node.
func (l *lab) hostileReasons() map[string]uint64 {
	l.t.Helper()
	type nodes []struct {
		Hostname string
		Link     struct{ Reasons map[string]uint64 }
	}
	var s struct {
		Devices nodes
		Tunnels []struct{ Replicas nodes }
	}
	l.json("edge", &s, "oneping", "edge", "status", "--json")
	all := s.Devices
	for _, tunnel := range s.Tunnels {
		all = append(all, tunnel.Replicas...)
	}
	for _, n := range all {
		if n.Hostname == "hostile" {
			return n.Link.Reasons
		}
	}
	l.t.Fatalf("the hostile node is not connected: %+v", all)
	return nil
}

// hostileDevice starts a node without manners; it has the beginning of a command line.
func (l *lab) hostileDevice(user string) []string {
	l.t.Helper()
	token := l.run("edge", "oneping", "device", "token", "--user", user)
	return []string{"tool", "hostile", "-role", "client", "-token-file", l.file(user+".token", token)}
}

// hostileConnector is a connector without manners, of a tunnel that serves 172.17.5.0/24.
func (l *lab) hostileConnector() []string {
	l.t.Helper()
	l.run("edge", "oneping", "tunnel", "create", "evil")
	l.run("edge", "oneping", "route", "add", "172.17.5.0/24", "evil")
	token := l.run("edge", "oneping", "tunnel", "token", "evil")
	return []string{"tool", "hostile", "-role", "connector", "-token-file", l.file("evil.token", token)}
}

// victim starts a device that uses session 42 all the time.
func (l *lab) victim(dst string) *process {
	l.t.Helper()
	p := l.start("connector", append(l.hostileDevice("victim@example.com"), "-n", "60", "-i", "100ms", "session", dst)...)
	p.waitFor("registered")
	return p
}

// unharmed wants every payload of the victim answered, and nothing else to have come.
func (l *lab) unharmed(victim *process) {
	l.t.Helper()
	if r := victim.wait(20 * time.Second); r.code != 0 || !strings.Contains(r.stdout, "60 payloads answered, nothing else came") {
		l.t.Errorf("the session of another device was harmed:\n%s%s", r.stdout, r.stderr)
	}
}

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
