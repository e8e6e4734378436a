//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

func TestUDPSizes(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.settle()
	l.echoServer("7")
	// Over IPv6 the first fragment that is too large is answered with "packet too big", as by any router.
	if out := l.exec("laptop", "tool", "udp-ask", "-sizes", "1500", "["+serverV6+"]:7").stdout; out != "size 1500: EMSGSIZE\n" {
		t.Errorf("the first large packet over IPv6: %s", out)
	}
	for _, dst := range []string{"172.16.10.120:7", "[" + serverV6 + "]:7"} {
		there, back := l.capture("server", "eth0"), l.capture("laptop", "oneping0")
		out := l.run("laptop", "tool", "udp-ask", "-sizes", "0,1,1200,1500,9000,65507", dst)
		if n := strings.Count(out, " ok in "); n != 6 {
			t.Errorf("%s: %d of 6 sizes answered\n%s", dst, n, out)
		}
		// 64, less one for the edge and one for the connector, each way; also of fragments.
		asked := there.stop(func(p *captured) bool { return !p.out && p.Proto == packet.UDP })
		answers := back.stop(func(p *captured) bool { return !p.out && p.Proto == packet.UDP })
		for _, p := range append(asked, answers...) {
			if p.TTL != 62 {
				t.Errorf("%s: TTL %d, want 62: %v", dst, p.TTL, p)
			}
		}
		if len(asked) < 6 || len(answers) < 6 {
			t.Errorf("%s: %d packets there and %d back, want one of each size at least", dst, len(asked), len(answers))
		}
	}
}

// A question and its answer are all of a DNS session: 30 s later nobody keeps it.
func TestIdleSessionsEnd(t *testing.T) {
	t.Parallel()
	needs(t, "dig", "dnsmasq")
	l := newLab(t)
	l.start("server", zone...).waitFor("started")
	for _, server := range []string{serverV4, serverV6} {
		l.run("laptop", "dig", "@"+server, "+short", "+tries=1", "app.example")
	}
	if a, b, c := l.udpSessions(); a != 2 || b != 2 || c != 2 {
		t.Errorf("sessions after two questions: laptop %d, edge %d, connector %d, want 2 of each", a, b, c)
	}
	l.poll("all sessions to end", 45*time.Second, func() bool {
		<-time.After(time.Second)
		a, b, c := l.udpSessions()
		return a+b+c == 0
	})
}

func TestUDPThousands(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.echoServer("7")
	for i, dst := range []string{"172.16.10.120:7", "[" + serverV6 + "]:7"} {
		out := l.run("laptop", "tool", "udp-sessions", "-n", "2000", dst)
		if !strings.Contains(out, "2000 sessions: map[ok:2000]") {
			t.Errorf("%s: %s", dst, out)
		}
		want := 2000 * (i + 1)
		if a, b, c := l.udpSessions(); a != want || b != want || c != want {
			t.Errorf("sessions: laptop %d, edge %d, connector %d, want %d of each", a, b, c, want)
		}
		// One socket a session, and some KiB.
		fds, rss := l.processOf("connector", "connector run")
		if fds < want || fds > want+50 || rss > 250<<10 {
			t.Errorf("connector with %d sessions: %d descriptors, %d KiB resident", want, fds, rss)
		}
		t.Logf("%d sessions: %d descriptors, %d KiB", want, fds, rss)
	}
}

// With a fifth of all packets lost, each way, many a registration is lost, or its
// answer is: every session has its answers all the same, and none twice.
func TestUDPHealsAfterLoss(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--link", "laptop-edge:loss=20%")
	l.echoServer("7")
	firstLost := 0 // those that wait for each other cross in a few packets, which may all be lucky once
	for _, dst := range []string{"172.16.10.120:7", "[" + serverV6 + "]:7"} {
		out := l.run("laptop", "tool", "udp-talk", "-socks", "50", "-n", "40", "-i", "50ms", dst)
		r := parseTalk(t, out)
		if r.sent != 2000 || r.wrong+r.twice+r.silent != 0 || r.answered < 800 {
			t.Errorf("%s: %+v, want no silent session", dst, r)
		}
		firstLost += r.firstLost
		t.Logf("%s: %+v", dst, r)
	}
	if firstLost == 0 {
		t.Error("no first payload was lost")
	}
}

// The same five-tuple goes on after a restart of the connector and after a kill
// of the edge, and has lost what was sent in between, in one piece.
func TestUDPHealsAfterRestarts(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.echoServer("7")
	var all []*process
	for _, dst := range []string{"172.16.10.120:7", "[" + serverV6 + "]:7"} {
		all = append(all, l.start("laptop", "tool", "udp-talk", "-i", "20ms", dst))
	}
	// more waits for answers to what was sent from now on.
	more := func() {
		t.Helper()
		for _, p := range all {
			from := lastAnswer(p.output())
			p.until("thirty more answers", 10*time.Second, func(r result) bool { return lastAnswer(r) > from+30 })
		}
	}
	more()
	l.stop("connector")
	l.up("connector")
	more()
	l.kill("edge")
	l.up("edge")
	more()
	more()
	for _, p := range all {
		r := parseTalk(t, p.interrupt().stdout)
		if r.wrong+r.twice+r.silent != 0 || strings.Count(r.gaps, ",") > 1 {
			t.Errorf("%s: %+v, want at most one gap for each restart", p.what, r)
		}
		t.Logf("%s: %+v", p.what, r)
	}
}
