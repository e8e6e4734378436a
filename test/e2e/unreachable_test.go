//go:build linux

package e2e

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// noLeak runs do and fails if anything of the private network passed the
// laptop's physical device, or anything left by it but the link.
func (l *lab) noLeak(what string, do func()) {
	l.t.Helper()
	c := l.capture("laptop", "eth0")
	do()
	for _, p := range c.stop(nil) {
		link := p.Class == packet.ClassUDP && p.Dst == netip.MustParseAddr(edgeDialV4) && p.DstPort == 7844
		neighbours := p.V6 && (p.Dst.IsMulticast() || p.Proto == packet.ICMPv6 && p.Type >= 133 && p.Type <= 137)
		if p.out && !link && !neighbours || touches(p.Raw, private) {
			l.t.Errorf("%s: left by the physical device: %v", what, p)
		}
	}
}

// pingSays fails unless one ping has that line and is not answered.
func (l *lab) pingSays(f family, from, line string) {
	l.t.Helper()
	r := l.exec("laptop", "ping", "-n", "-c1", "-W2", f.server)
	if want := "From " + from + " icmp_seq=1 " + line; r.code != 1 || !strings.Contains(r.stdout, want+"\n") {
		l.t.Errorf("ping %s: exit code %d, want 1 and %q\n%s%s", f.server, r.code, want, r.stdout, r.stderr)
	}
}

// What ping calls the refusals.
var (
	hostWords = map[string]string{"-4": "Destination Host Unreachable", "-6": "Destination unreachable: Address unreachable"}
	netWords  = map[string]string{"-4": "Destination Net Unreachable", "-6": "Destination unreachable: No route"}
)

// No connector: the edge answers for the hop behind it. Back: three hops.
func TestConnectorStopped(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping")
	l := newLab(t)
	for _, f := range families {
		l.threeHops(f)
	}
	l.noLeak("connector stopped", func() {
		l.stop("connector")
		for _, f := range families {
			l.poll("!H "+f.flag, 5*time.Second, func() bool {
				return slices.Equal(l.trace("laptop", f.flag, "-I", "-N4", f.server), []string{f.edge, f.edge + " !H"})
			})
			l.traces("connector stopped", f, []string{f.edge, f.edge + " !H"})
			l.pingSays(f, f.edge, hostWords[f.flag])
		}
	})
	l.up("connector")
	for _, f := range families {
		l.threeHops(f)
	}
}

// No route: net unreachable from the edge, and the client goes on capturing.
func TestRouteDeleted(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping")
	l := newLab(t)
	for _, f := range families {
		l.threeHops(f)
	}
	l.noLeak("route deleted", func() {
		for _, f := range families {
			l.run("edge", "oneping", "route", "delete", f.subnet)
			l.traces("route deleted", f, []string{f.edge, f.edge + " !N"})
			l.pingSays(f, f.edge, netWords[f.flag])
		}
	})
	for _, f := range families {
		l.run("edge", "oneping", "route", "add", f.subnet, "lab")
		l.threeHops(f)
	}
}

// A silent edge still is a hop; behind it there are stars.
func TestSilentEdge(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	l := newLab(t, "--unreachable", "silent")
	silent := func(what string) {
		t.Helper()
		for _, f := range families {
			l.traces(what, f, []string{f.edge, "*", "*"}, "-w1", "-m3")
		}
	}
	for _, f := range families {
		l.threeHops(f)
	}
	l.noLeak("silent", func() {
		l.stop("connector")
		l.poll("stars", 5*time.Second, func() bool { // once the loss of the connector is noticed
			return slices.Equal(l.trace("laptop", "-I", "-w1", "-m3", serverV4), []string{edgeV4, "*", "*"})
		})
		silent("silent, connector stopped")
		l.up("connector")
		for _, f := range families {
			l.threeHops(f)
			l.run("edge", "oneping", "route", "delete", f.subnet)
		}
		silent("silent, route deleted")
	})
}

// No link: the client itself says host unreachable, from its own address, and
// lets nothing out, whatever the routes were. The edge back: three hops.
func TestLinkDown(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping")
	l := newLab(t)
	down := func(what string) {
		t.Helper()
		l.stop("edge")
		for _, f := range families {
			self := l.deviceAddr(f)
			itself := self + " !H"
			l.poll("!H "+f.flag, 5*time.Second, func() bool {
				return slices.Equal(l.trace("laptop", f.flag, "-I", "-w1", "-m2", f.server), []string{itself})
			})
			l.traces(what, f, []string{itself})
			l.pingSays(f, self, hostWords[f.flag])
		}
		l.up("edge")
	}
	l.noLeak("link down", func() {
		down("link down")
		for _, f := range families {
			l.threeHops(f)
			l.run("edge", "oneping", "route", "delete", f.subnet)
		}
		down("link down, route deleted")
		for _, f := range families {
			l.poll("!N "+f.flag, 10*time.Second, func() bool {
				return slices.Equal(l.trace("laptop", f.flag, "-I", "-N4", "-w1", f.server), []string{f.edge, f.edge + " !N"})
			})
			l.run("edge", "oneping", "route", "add", f.subnet, "lab")
			l.threeHops(f)
		}
	})
}

// A dead neighbour: the connector's host says so after three seconds of asking,
// as a router does. The server back: three hops, nothing restarted.
func TestServerStopped(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping")
	l := newLab(t)
	before := l.pids()
	l.stop("server") // which nobody has asked for yet: there is no neighbour entry that lives on
	l.deadNeighbour()
	l.up("server")
	for _, f := range families {
		l.threeHops(f)
	}
	// Now there is one, and a kernel sends to it until it doubts it: stars, at first.
	l.stop("server")
	for _, f := range families {
		hops := l.trace("laptop", f.flag, "-I", "-w1", "-m3", f.server)
		if len(hops) != 3 || hops[0] != f.edge || hops[1] != f.connector || hops[2] != "*" && hops[2] != f.connector+" !H" {
			t.Errorf("server stopped again: hops %q, want %q, %q, and a star or !H", hops, f.edge, f.connector)
		}
	}
	l.up("server")
	for _, f := range families {
		l.threeHops(f)
	}
	if after := l.pids(); !slices.Equal(before, after) {
		t.Errorf("processes of the roles were %v and are %v: something was restarted", before, after)
	}
}

// deadNeighbour asks the stopped server in every way at once, since each takes three seconds.
func (l *lab) deadNeighbour() {
	l.t.Helper()
	type asked struct {
		f    family
		p    *process
		hops bool
	}
	var all []asked
	for _, f := range families {
		for _, probe := range probes {
			argv := slices.Concat([]string{"traceroute", "-n", "-q1", "-N3", "-m3", "-w8", f.flag}, probe, []string{f.server})
			all = append(all, asked{f, l.start("laptop", argv...), true})
		}
		all = append(all, asked{f, l.start("laptop", "ping", "-n", "-c1", "-W8", f.server), false})
	}
	for _, a := range all {
		r := a.p.wait(execLimit)
		if a.hops {
			wantHops(l.t, a.p.what, hops(r.stdout), a.f.edge, a.f.connector, a.f.connector+" !H")
			continue
		}
		if want := "From " + a.f.connector + " icmp_seq=1 " + hostWords[a.f.flag] + "\n"; !strings.Contains(r.stdout, want) {
			l.t.Errorf("%s: no line %q in\n%s%s", a.p.what, want, r.stdout, r.stderr)
		}
	}
}
