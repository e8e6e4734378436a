//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// A sweep of fewer than 64 addresses at once finds those who live, and takes one socket, whatever
// the number of destinations; each further identifier and each further client takes one more.
func TestSweep(t *testing.T) {
	t.Parallel()
	needs(t, "fping")
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", "--hosts", "3", flag, path)
	if got := l.pingSockets(); len(got) != 0 {
		t.Fatalf("ping sockets %v before anything was asked", got)
	}
	r := l.exec("laptop", "fping", "-a", "-q", "-r1", "-g", "172.16.10.90", "172.16.10.130")
	alive := strings.Fields(r.stdout)
	if want := []string{connectorV4, serverV4, host2V4, "172.16.10.122"}; r.code != 1 || !slices.Equal(alive, want) {
		t.Errorf("fping: exit code %d, alive %q, want 1 and %q\n%s", r.code, alive, want, r.stderr)
	}
	sockets := l.pingSockets()
	if len(sockets) != 1 {
		t.Fatalf("41 destinations, one identifier: ping sockets %v, want one", sockets)
	}
	for _, f := range families {
		ping := func(node string, ident int, dst string) {
			t.Helper()
			l.run(node, "tool", "ping", "-ident", strconv.Itoa(ident), "-n", "3", "-w", "1s", dst)
		}
		first := map[string]int{"-4": 500, "-6": 600}[f.flag] // ping sockets of both families share their identifiers
		before := len(l.pingSockets())
		ping("laptop", first, f.server)
		ping("laptop", first, f.connector)
		ping("laptop", first+1, f.server)
		ping("laptop2", first, f.server)
		if got := l.pingSockets(); len(got) != before+3 || !slices.Contains(got, first) || !slices.Contains(got, first+1) {
			t.Errorf("%s: ping sockets %v, want %d, %d and one for the second laptop beside the %d of before", f.server, got, first, first+1, before)
		}
	}
}

// sweep is a scan of a network to which the connector is attached and in which hardly anybody is.
type sweep struct {
	probe  string // option of nmap
	server string // beside it, for the other pings
	// net is the network; its addresses number is(n) are the connector's, the server's and one more
	// of the server's.
	net   netip.Prefix
	bits  int // of the network's end are swept
	rate  int // a second
	proto uint8
}

const (
	selfNumber  = 1
	thereNumber = 200
	otherNumber = 201 // nobody has asked before the sweep
)

// sweeps are what runs: as much as a CI has time for, or with ONEPING_SWEEP=BITS so many bits of
// each network at 1,000 a second; 16 is the whole IPv4 network. The first one lasts until its
// client's share of identifiers is used up.
func sweeps() map[string]sweep {
	v4, v6 := netip.MustParsePrefix("172.17.0.0/16"), netip.MustParsePrefix("fd6f:6e65:7069:17::/64")
	all := map[string]sweep{
		"echo":   {"-PE", serverV4, v4, 13, 500, packet.ICMP},
		"echo 6": {"-PE", serverV6, v6, 12, 500, packet.ICMPv6},
		"udp":    {"-PU", serverV4, v4, 12, 500, packet.UDP},
		"tcp":    {"-PS443", serverV4, v4, 12, 500, packet.TCP},
	}
	if bits, err := strconv.Atoi(os.Getenv("ONEPING_SWEEP")); err == nil {
		for name, s := range all {
			s.bits, s.rate = bits, 1000
			all[name] = s
		}
	}
	return all
}

// is returns an address of the network.
func (s *sweep) is(n byte) string {
	a := s.net.Addr().AsSlice()
	a[len(a)-1] = n
	addr, _ := netip.AddrFromSlice(a)
	return addr.String()
}

func (s *sweep) size() int { return 1 << s.bits }

func (s *sweep) took() time.Duration {
	return time.Duration(s.size()) * time.Second / time.Duration(s.rate)
}

func (s *sweep) nmap() []string {
	args := []string{"nmap", "-n", "-sn", s.probe, "--min-rate", fmt.Sprint(s.rate), "--max-rate", fmt.Sprint(s.rate), "--max-retries", "0"}
	if s.net.Addr().Is6() {
		args = append(args, "-6")
	}
	return append(args, netip.PrefixFrom(s.net.Addr(), s.net.Addr().BitLen()-s.bits).String())
}

// A sweep costs the connector's host neither its neighbour table nor descriptors, and other pings
// nothing: those of others, and those of the same client, begun before it or meanwhile. The excess
// is refused, and each refusal is counted, as is each answer that the limit on answers ate.
func TestSweepOfNeighbours(t *testing.T) {
	t.Parallel()
	needs(t, "nmap", "ping", "ip")
	for name, s := range sweeps() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			flag, path := policy(t, everyone)
			l := newLab(t, "--laptops", "2", flag, path)
			l.run("connector", "sh", "-ec", fmt.Sprintf("ip addr add %s/%d dev lan0", s.is(selfNumber), s.net.Bits()))
			for _, n := range []byte{thereNumber, otherNumber} {
				l.run("server", "sh", "-ec", fmt.Sprintf("ip addr add %s/%d dev eth0", s.is(n), s.net.Bits()))
			}
			l.run("edge", "oneping", "route", "add", s.net.String(), "lab")
			l.echoServer("7")
			l.poll("the new route", 10*time.Second, func() bool { return l.exec("laptop2", "ping", "-n", "-c1", "-W1", s.is(thereNumber)).code == 0 })
			before := l.pids()
			seen := l.sweep(&s)
			if after := l.pids(); !slices.Equal(after, before) {
				t.Errorf("processes were %v and are %v", before, after)
			}
			seen.check(t, &s)
			// Whoever is there is found, four seconds after the last probe at the latest.
			l.poll("an answer of the living", 10*time.Second, func() bool { return l.exec("laptop", "ping", "-n", "-c1", "-W1", s.is(otherNumber)).code == 0 })
		})
	}
}

// swept is the most that was seen of each during a sweep, and what was counted.
type swept struct {
	unanswered, incomplete, neighbours, fds, rss int

	told    int // hosts that are unreachable, says the connector
	reasons map[string]int
	took    time.Duration
}

// sweep runs a sweep of the laptop with pings beside it, each of which must be answered.
func (l *lab) sweep(s *sweep) (seen swept) {
	l.t.Helper()
	counts := make(map[*process]int)
	ping := func(node, dst string, lasts time.Duration) {
		n := int(lasts / (200 * time.Millisecond))
		p := l.start(node, "ping", "-n", "-i0.2", "-c", fmt.Sprint(n), "-w", fmt.Sprint(int(lasts.Seconds())+20), dst)
		counts[p] = n
		p.waitFor("icmp_seq=1 ")
	}
	ping("laptop", s.server, s.took()+2*time.Second)
	ping("laptop2", s.server, s.took()+2*time.Second)
	answers := l.capture("laptop", "oneping0")
	looks := l.start("connector", "sh", "-c", "while :; do "+lookScript+"; sleep 0.5; done")
	scan := l.start("laptop", s.nmap()...)
	select {
	case <-scan.done:
		l.t.Errorf("the sweep is over after %v", scan.output().took)
	case <-time.After(s.took() * 4 / 5): // no identifier and no slot has been free for long
	}
	ping("laptop", s.server, s.took()/5)
	ping("laptop2", s.is(otherNumber), s.took()/5)
	server := netip.AddrPortFrom(netip.MustParseAddr(s.server), 7).String()
	if out := l.exec("laptop", "tool", "udp-ask", "-sizes", "100", server).stdout; !strings.Contains(out, " ok in ") {
		l.t.Errorf("a new UDP session during the sweep: %s", out)
	}
	r := scan.wait(2*s.took() + time.Minute)
	if r.code != 0 || !strings.Contains(r.stdout, fmt.Sprintf("Nmap done: %d IP addresses", s.size())) {
		l.t.Errorf("the sweep: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for p, n := range counts {
		wantUnhurt(l.t, p.what, p.wait(s.took()+30*time.Second), n)
	}
	seen.took = r.took
	seen.told = len(answers.stop(func(p *captured) bool {
		var q packet.Packet
		typ, code := packet.HostUnreachable.TypeCode(p.V6)
		return !p.out && p.IsICMPError() && p.Type == typ && p.Code == code && p.Src.String() == s.is(selfNumber) && p.Quoted(&q) && q.Proto == s.proto && s.net.Contains(q.Dst)
	}))
	for look := range strings.SplitSeq(looks.interrupt().stdout+l.run("connector", "sh", "-c", lookScript), "== neighbours\n") {
		seen.note(s, look)
	}
	return seen
}

// lookScript takes one look at the connector.
var lookScript = "echo == neighbours; ip neigh; echo == status; oneping connector status --json; echo == process; " + processScript("connector run") + "; echo == end"

var neighbour = regexp.MustCompile(`(?m)^(\S+) .*$`)

// note takes what one look printed; the last one may be cut short.
func (m *swept) note(s *sweep, look string) {
	neighbours, rest, _ := strings.Cut(look, "== status\n")
	text, rest, _ := strings.Cut(rest, "== process\n")
	process, _, whole := strings.Cut(rest, "== end\n")
	var status struct {
		Unanswered int `json:"unanswered_neighbours"`
		Reasons    map[string]int
	}
	var fds, rss int
	if n, _ := fmt.Sscan(process, &fds, &rss); !whole || n != 2 || json.Unmarshal([]byte(text), &status) != nil {
		return
	}
	incomplete, all := 0, 0
	for _, line := range neighbour.FindAllStringSubmatch(neighbours, -1) {
		if a, err := netip.ParseAddr(line[1]); err != nil || !s.net.Contains(a) {
			continue
		}
		all++
		if strings.Contains(line[0], "INCOMPLETE") {
			incomplete++
		}
	}
	m.reasons = status.Reasons
	m.unanswered, m.incomplete, m.neighbours = max(m.unanswered, status.Unanswered), max(m.incomplete, incomplete), max(m.neighbours, all)
	m.fds, m.rss = max(m.fds, fds), max(m.rss, rss)
}

func (m *swept) check(t *testing.T, s *sweep) {
	t.Helper()
	t.Logf("%d addresses in %v: at most %d unanswered in flight, %d incomplete of %d neighbours, %d descriptors, %d KiB; %d told; counted %v",
		s.size(), m.took.Round(time.Millisecond), m.unanswered, m.incomplete, m.neighbours, m.fds, m.rss, m.told, m.reasons)
	// 64 of the sweeping client, and one of the other. The kernel keeps those that it has given up
	// for a while.
	if m.unanswered < 64 || m.unanswered > 65 || m.incomplete > 128 || m.neighbours > 600 {
		t.Errorf("%d unanswered in flight, %d incomplete of %d neighbours: want 64 or 65, at most 128, 600", m.unanswered, m.incomplete, m.neighbours)
	}
	if m.fds >= 5000 || m.rss >= 200<<10 {
		t.Errorf("%d descriptors, %d KiB: want less than 5,000, 200 MiB", m.fds, m.rss)
	}
	// 64 are let through in 3 s, when the kernel gives them up.
	refused, let := m.reasons["unanswered"], 64*(2+int(m.took/(3*time.Second)))
	if refused < s.size()-let || refused > s.size() {
		t.Errorf("%d of %d refused, want all but %d", refused, s.size(), let)
	}
	answered := refused - m.reasons["rate limited"]
	if answered <= 0 || m.told < answered {
		t.Errorf("of %d refused %d were answered, and the laptop saw %d answers", refused, answered, m.told)
	}
	if m.reasons["table full"] != 0 {
		t.Errorf("%d found a table full", m.reasons["table full"])
	}
}
