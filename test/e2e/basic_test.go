//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// hopLine is a line of traceroute -n -q1 with an answer: number, address, round trip, mark.
var hopLine = regexp.MustCompile(`(?m)^ *(\d+)  ([0-9a-f.:]+)  [0-9.]+ ms(?: (![A-Z0-9<>-]+))?\s*$`)

// trace runs traceroute in a node and returns its hops: "ADDRESS" or "ADDRESS !H", and "*" for silence.
func (l *lab) trace(node string, args ...string) []string {
	l.t.Helper()
	return hops(l.exec(node, append([]string{"traceroute", "-n", "-q1", "-w2"}, args...)...).stdout)
}

// traceTries is how often traceroute is asked for a path. Of 16,000 runs over a row of Linux routers with a delay of
// 0.3 ms on a busy machine, five ignored every answer behind the first hop although it was there on the wire (traceroute 2.1.2).
const traceTries = 3

// wantTrace wants traceroute with args to show these hops.
func (l *lab) wantTrace(what, node string, args []string, want ...string) {
	l.t.Helper()
	var got []string
	for range traceTries {
		if got = l.trace(node, args...); slices.Equal(got, want) {
			return
		}
	}
	wantHops(l.t, what, got, want...)
}

// hops reads what traceroute -n -q1 has printed.
func hops(out string) []string {
	var list []string
	for line := range strings.Lines(out) {
		if m := hopLine.FindStringSubmatch(line); m != nil {
			list = append(list, strings.TrimSpace(m[2]+" "+m[3]))
		} else if f := strings.Fields(line); len(f) == 2 && f[1] == "*" {
			list = append(list, "*")
		}
	}
	return list
}

func wantHops(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: hops %q, want %q", what, got, want)
	}
}

// pingFor is the command line of a ping that waits for count replies, for 20 s at most. Without a
// deadline ping leaves after twice the longest round trip so far, and the last reply, which a busy machine delays, counts as lost.
func pingFor(count int, args ...string) []string {
	return append([]string{"ping", "-n", "-c", fmt.Sprint(count), "-w", "20"}, args...)
}

var pingReply = regexp.MustCompile(`(?m)^\d+ bytes from .* icmp_seq=(\d+) `)

// wantReplies wants exactly one reply to each of the first count requests of a ping. A request that
// follows while the last reply is on its way may stay without.
func wantReplies(t testing.TB, what string, r result, count int) {
	t.Helper()
	replies := make(map[string]int)
	for _, m := range pingReply.FindAllStringSubmatch(r.stdout, -1) {
		replies[m[1]]++
	}
	for seq := 1; seq <= count; seq++ {
		if n := replies[fmt.Sprint(seq)]; n != 1 {
			t.Errorf("%s: exit code %d, %d replies to request %d\n%s%s", what, r.code, n, seq, r.stdout, r.stderr)
			return
		}
	}
	if r.code != 0 {
		t.Errorf("%s: exit code %d\n%s%s", what, r.code, r.stdout, r.stderr)
	}
}

// ping runs ping in a node and fails unless every packet was answered.
func (l *lab) ping(node string, count int, args ...string) string {
	l.t.Helper()
	argv := pingFor(count, args...)
	r := l.exec(node, argv...)
	wantReplies(l.t, strings.Join(argv, " "), r, count)
	return r.stdout
}

func TestPingSizes(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t)
	l.settle()
	for _, dst := range []string{serverV4, serverV6} {
		for _, size := range []int{0, 1, 56, 1400, 1472, 8000, 65507} {
			t.Run(fmt.Sprintf("%s/%d", dst, size), func(t *testing.T) {
				// The first large packet may find out about the path MTU, as on any path.
				l.exec("laptop", "ping", "-n", "-c2", "-i0.1", "-W1", "-s", fmt.Sprint(size), dst)
				out := l.ping("laptop", 2, "-i", "0.2", "-s", fmt.Sprint(size), dst)
				if want := fmt.Sprintf("%d bytes from %s", size+8, dst); !strings.Contains(out, want) {
					t.Errorf("no line %q in\n%s", want, out)
				}
				if !strings.Contains(out, "ttl=62") { // 64, less one for the connector and one for the edge
					t.Errorf("not the reply's own TTL:\n%s", out)
				}
			})
		}
	}
}

// What does not fit the link and may not be cut is answered with the size that
// does fit, by the hop whose link it is.
func TestPathMTU(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t)
	l.settle()
	said := regexp.MustCompile(`From (\S+) icmp_seq=1 (?:Frag needed and DF set|Packet too big).*mtu ?= ?(\d+)`)
	for dst, c := range map[string]struct {
		hop  string
		head int // bytes of IP and ICMP headers
	}{serverV4: {edgeV4, 28}, serverV6: {edgeV6, 48}} {
		out := l.exec("laptop", "ping", "-n", "-M", "do", "-c1", "-W1", "-s", "1450", dst).stdout
		m := said.FindStringSubmatch(out)
		if m == nil {
			t.Errorf("%s: no word of the path MTU in\n%s", dst, out)
			continue
		}
		mtu, _ := strconv.Atoi(m[2])
		if m[1] != c.hop || mtu < 1380 || mtu > 1450 { // 1500 less the headers of IP, UDP and QUIC
			t.Errorf("%s: %s says %d, want about 1400 from %s", dst, m[1], mtu, c.hop)
		}
		l.ping("laptop", 1, "-M", "do", "-s", fmt.Sprint(mtu-c.head), dst)
		if r := l.exec("laptop", "ping", "-n", "-M", "do", "-c1", "-W1", "-s", fmt.Sprint(mtu-c.head+1), dst); r.code == 0 {
			t.Errorf("%s: a packet of %d bytes passed, the MTU is %d", dst, mtu+1, mtu)
		}
	}
}

func TestThousandPings(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t)
	l.ping("laptop", 1000, "-i", "0.001", serverV4)
	l.ping("laptop", 1000, "-i", "0.001", serverV6)
}

// asConnector returns the beginning of a command line that runs as the
// connector's user, whom the node's ping group range admits.
func (l *lab) asConnector() []string {
	if l.rootless() {
		return nil
	}
	return []string{"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"}
}
