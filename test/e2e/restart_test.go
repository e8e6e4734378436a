//go:build linux

package e2e

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// desired is what an edge must know again after a crash.
type desired struct {
	Tunnels []struct {
		ID, Name, Created string
		Routes            []string
		Connectors        []struct{ ID, Hostname, Created string }
	}
	Routes  []struct{ Prefix, Tunnel, Created string }
	Devices []struct{ ID, Name, User, Addr4, Addr6, Created string }
	Policy  string
}

// desired asks the edge for all of it, as text to compare.
func (l *lab) desired() string {
	l.t.Helper()
	var d desired
	l.json("edge", &d.Tunnels, "oneping", "tunnel", "list", "--json")
	l.json("edge", &d.Routes, "oneping", "route", "list", "--json")
	l.json("edge", &d.Devices, "oneping", "device", "list", "--json")
	d.Policy = l.run("edge", "oneping", "policy", "show")
	b, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		l.t.Fatal(err)
	}
	return string(b)
}

// running is a ping that runs while something happens to its path.
type running struct {
	f              family
	ping           *process
	laptop, server *capture
}

func (l *lab) startPing(f family) *running {
	l.t.Helper()
	r := &running{f: f, laptop: l.capture("laptop", tunName), server: l.capture("server", "eth0")}
	r.ping = l.start("laptop", "ping", "-n", "-i", "0.05", f.server)
	r.ping.waitFor("icmp_seq=10 ")
	return r
}

// end stops the ping after another second of replies: each request sent before from or after to was
// answered, and the server has seen one identifier, that of the application.
func (r *running) end(from, to time.Time) {
	t := r.ping.l.t
	t.Helper()
	v6 := r.f.flag == "-6"
	answered := func() (sent map[uint16]time.Time, replies map[uint16]int, last time.Time) {
		sent, replies = make(map[uint16]time.Time), make(map[uint16]int)
		for _, p := range r.laptop.packets() {
			switch {
			case p.ok != packet.OK || p.V6 != v6:
			case p.IsEchoRequest():
				sent[p.Seq] = p.at
			case p.IsEchoReply():
				replies[p.Seq]++
				last = p.at
			}
		}
		return sent, replies, last
	}
	r.ping.l.poll("replies afterwards", 10*time.Second, func() bool {
		_, _, last := answered()
		return last.After(to.Add(time.Second))
	})
	r.ping.interrupt()
	sent, replies, last := answered()
	lost := 0
	for _, seq := range slices.Sorted(maps.Keys(sent)) {
		at := sent[seq]
		switch {
		case replies[seq] > 1:
			t.Errorf("%s: %d replies to request %d", r.f.server, replies[seq], seq)
		case replies[seq] == 1:
		case at.After(from.Add(-since)) && at.Before(to.Add(since)):
			lost++
		case at.Before(last.Add(-since)): // the last may be on their way
			t.Errorf("%s: request %d lost, sent %v before the end and %v after the return", r.f.server, seq, from.Sub(at), at.Sub(to))
		}
	}
	t.Logf("%s: %d requests, %d lost in %v", r.f.server, len(sent), lost, to.Sub(from).Round(time.Millisecond))
	own, seen := requests(r.laptop.stop(nil), v6), requests(r.server.stop(nil), v6)
	if len(own) != 1 || !slices.Equal(own, seen) {
		t.Errorf("%s: the server saw identifiers %v, the ping has %v", r.f.server, seen, own)
	}
}

// A killed edge is back with all that it knew; client and connector are back within two seconds of it
// listening; a ping goes on with its identifier.
func TestEdgeKilled(t *testing.T) {
	needs(t, "ping")
	l := newLab(t)
	before := l.desired()
	pings := []*running{l.startPing(families[0]), l.startPing(families[1])}
	from := time.Now()
	l.kill("edge")
	l.up("edge")
	ready := l.lastLogged("edge", "edge ready", from)
	back := ready
	for _, node := range []string{"laptop", "connector"} {
		up := l.lastLogged(node, "link up", ready)
		t.Logf("%s back %v after the edge", node, up.Sub(ready).Round(time.Millisecond))
		if up.Sub(ready) > 2*time.Second {
			t.Errorf("%s back %v after the edge", node, up.Sub(ready))
		}
		if up.After(back) {
			back = up
		}
	}
	for _, p := range pings {
		p.end(from, back)
	}
	if after := l.desired(); after != before {
		t.Errorf("the edge knows\n%s\nand knew\n%s", after, before)
	}
}

// The same for an edge that stays away until both have given their links up and dial in vain, and
// for nodes in idleness.
func TestEdgeAwayForLong(t *testing.T) {
	l := newLab(t)
	for _, away := range []bool{false, true} {
		from := time.Now()
		l.kill("edge")
		if away {
			for _, node := range []string{"laptop", "connector"} {
				l.lastLogged(node, "cannot reach the edge", from)
			}
		}
		l.up("edge")
		ready := l.lastLogged("edge", "edge ready", from)
		for _, node := range []string{"laptop", "connector"} {
			if up := l.lastLogged(node, "link up", ready); up.Sub(ready) > 2*time.Second {
				t.Errorf("%s back %v after the edge", node, up.Sub(ready))
			}
		}
		l.run("laptop", "ping", "-n", "-c1", "-W2", serverV4)
	}
}

// The same for a connector that is killed, and one that is stopped in order.
func TestConnectorRestarted(t *testing.T) {
	needs(t, "ping")
	for name, end := range map[string]func(*lab){
		"killed":  func(l *lab) { l.kill("connector") },
		"stopped": func(l *lab) { l.stop("connector") },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t)
			before := l.desired()
			pings := []*running{l.startPing(families[0]), l.startPing(families[1])}
			from := time.Now()
			end(l)
			l.up("connector")
			back := l.lastLogged("connector", "link up", from)
			for _, p := range pings {
				p.end(from, back)
			}
			if after := l.desired(); after != before {
				t.Errorf("the edge knows\n%s\nand knew\n%s", after, before)
			}
		})
	}
}
