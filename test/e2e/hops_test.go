//go:build linux

package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// Every tool that shows a path shows the same three hops, and two of them are
// addresses that behave as a router's do.
func TestHops(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "tracepath", "mtr", "ping")
	l := newLab(t)
	l.settle()
	for _, f := range families {
		t.Run("traceroute"+f.flag, func(t *testing.T) {
			for _, to := range []struct {
				dst  string
				want []string
			}{
				{f.server, []string{f.edge, f.connector, f.server}},
				{f.connector, []string{f.edge, f.connector}},
				{f.edge, []string{f.edge}},
			} {
				for _, probe := range probes {
					argv := slices.Concat([]string{f.flag}, probe, []string{to.dst})
					l.wantTrace(strings.Join(argv, " "), "laptop", argv, to.want...)
				}
			}
		})
		t.Run("ping"+f.flag, func(t *testing.T) { l.hopPings(t, f) })
		t.Run("tracepath"+f.flag, func(t *testing.T) { l.tracepath(t, f) })
	}
	t.Run("mtr", func(t *testing.T) { l.mtr(t) })
}

// hopPings: what ping says of each hop, by its address and by TTL.
func (l *lab) hopPings(t *testing.T, f family) {
	for dst, ttl := range map[string]string{f.edge: "ttl=64", f.connector: "ttl=63", f.server: "ttl=62"} {
		if out := l.ping("laptop", 1, dst); !strings.Contains(out, "64 bytes from "+dst) || !strings.Contains(out, ttl+" ") {
			t.Errorf("ping %s: want %s\n%s", dst, ttl, out)
		}
	}
	expired := map[string]string{"-4": "Time to live exceeded", "-6": "Time exceeded: Hop limit"}[f.flag]
	for ttl, hop := range map[string]string{"1": f.edge, "2": f.connector} {
		r := l.exec("laptop", "ping", "-n", "-c1", "-W2", "-t", ttl, f.server)
		if want := "From " + hop + " icmp_seq=1 " + expired + "\n"; r.code != 1 || !strings.Contains(r.stdout, want) {
			t.Errorf("ping -t %s: exit code %d, want 1 and %q\n%s%s", ttl, r.code, want, r.stdout, r.stderr)
		}
	}
	if out := l.ping("laptop", 1, "-t", "3", f.server); !strings.Contains(out, "ttl=62 ") {
		t.Errorf("ping -t 3:\n%s", out)
	}
}

var (
	tracepathHop = regexp.MustCompile(`(?m)^ *(\d+): +([0-9a-f.:]+) .*$`)
	tracepathEnd = regexp.MustCompile(`Resume: pmtu (\d+) hops 3 back 3`)
)

func (l *lab) tracepath(t *testing.T, f family) {
	out := l.run("laptop", "tracepath", f.flag, "-n", f.server)
	var hops []string
	for _, m := range tracepathHop.FindAllStringSubmatch(out, -1) {
		if hop := m[1] + " " + m[2]; !slices.Contains(hops, hop) {
			hops = append(hops, hop)
		}
	}
	// Its first probe has 1,500 bytes and expires in the edge; the second is too large for the edge's link.
	wantHops(t, "tracepath "+f.flag, hops, "1 "+f.edge, "2 "+f.edge, "2 "+f.connector, "3 "+f.server)
	if !tracepathEnd.MatchString(out) || strings.Contains(out, "asymm") || !strings.Contains(out, "reached\n") {
		t.Errorf("tracepath:\n%s", out)
	}
}

var mtrLine = regexp.MustCompile(`(?m)^ *\d+\.\|-- ([0-9a-f.:]+) +([0-9.]+%) +(\d+) `)

// mtr reports both families at once: it takes its time.
func (l *lab) mtr(t *testing.T) {
	running := make(map[string]*process)
	for _, f := range families {
		running[f.flag] = l.start("laptop", "mtr", f.flag, "-n", "-rwc", "5", f.server)
	}
	for _, f := range families {
		r := running[f.flag].wait(execLimit)
		var lines []string
		for _, m := range mtrLine.FindAllStringSubmatch(r.stdout, -1) {
			lines = append(lines, strings.Join(m[1:], " "))
		}
		wantHops(t, "mtr "+f.flag, lines, f.edge+" 0.0% 5", f.connector+" 0.0% 5", f.server+" 0.0% 5")
		if r.code != 0 {
			t.Errorf("mtr %s: exit code %d\n%s%s", f.flag, r.code, r.stdout, r.stderr)
		}
	}
}

// TestRouters: routers behind the connector are hops, the same ones as on a path of
// Linux routers alone, and can be stopped like every node.
func TestRouters(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	for name, flags := range map[string][]string{
		"oneping": {"--routers", "2", "--link", "r2-r1:mtu=1400"},
		"plain":   {"--routers", "2", "--link", "r2-r1:mtu=1400", "--plain"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, flags...)
			l.rowHops(t)
			l.stop("r1")
			l.poll("hops with r1 stopped", 10*time.Second, func() bool {
				out := l.exec("laptop", "traceroute", "-n", "-q1", "-w1", "-m3", "-I", rows["-4"][4]).stdout
				return slices.Equal(hops(out), []string{edgeV4, connectorV4, "*"})
			})
			l.up("r1")
			l.rowHops(t)
			if out := l.run("r1", "cat", "/sys/class/net/to-r2/mtu"); strings.TrimSpace(out) != "1400" {
				t.Errorf("mtu of r1's link to r2: %s", out)
			}
		})
	}
}

func (l *lab) rowHops(t *testing.T) {
	t.Helper()
	for flag, want := range rows {
		for _, probe := range probes {
			argv := slices.Concat([]string{flag, "-N4"}, probe, []string{want[4]})
			l.poll(strings.Join(argv, " ")+": "+strings.Join(want, " "), 15*time.Second, func() bool {
				return slices.Equal(l.trace("laptop", argv...), want)
			})
		}
	}
}

// Routers behind the connector do not show on request: what leaves it has an ordinary TTL.
func TestHopsSingle(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute")
	l := newLab(t, "--routers", "2")
	l.connectorWith("--hops", "single")
	for flag, want := range rows {
		single := []string{want[0], want[1], want[4]}
		l.poll("one hop behind the connector "+flag, 10*time.Second, func() bool {
			return slices.Equal(l.trace("laptop", flag, "-I", "-m8", want[4]), single)
		})
		for _, probe := range probes {
			argv := slices.Concat([]string{flag, "-N4"}, probe, []string{want[4]})
			l.wantTrace(strings.Join(argv, " "), "laptop", argv, single...)
		}
		for dst, path := range map[string][]string{want[2]: {want[0], want[1], want[2]}, want[1]: {want[0], want[1]}} {
			l.wantTrace("to "+dst, "laptop", []string{flag, "-I", dst}, path...)
		}
	}
}
