//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// narrowAt are the places where a path may be narrow, who says so (its index in a row) and the least and largest number
// that it may say: exactly the link's MTU for a router, what QUIC leaves of it for the links that carry the tunnel.
var narrowAt = []struct {
	link        string
	reporter    int
	least, most int
}{
	{"laptop-edge:mtu=1420", 0, 1420 - tunnelHead - 20, 1420 - tunnelHead},
	{"edge-connector:mtu=1420", 0, 1420 - tunnelHead - 20, 1420 - tunnelHead},
	{"connector-r1:mtu=1300", 1, 1300, 1300},
	{"r1-r2:mtu=1300", 2, 1300, 1300},
	{"r2-lan:mtu=1300", 3, 1300, 1300},
}

// tunnelHead is what the tunnel adds to a packet: IPv4, UDP, QUIC and its AEAD, a datagram's own header.
const tunnelHead = 20 + 8 + 38

// heads are the sizes of the headers in front of the payload of ping.
var heads = map[string]int{"-4": 28, "-6": 48}

// crossesUsualLinks is the size of a packet that fits where no link is narrow.
const crossesUsualLinks = 1380

var pathMTU = regexp.MustCompile(`(?m)^ +Resume: pmtu (\d+) hops 5 back 5 *$`)

// Wherever the narrow link is, ping, tracepath and a UDP application are told its MTU, by the hop whose link it is.
func TestTrueMTU(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "tracepath", "ip")
	for _, c := range narrowAt {
		t.Run(c.link, func(t *testing.T) {
			// Three servers: what the host has learnt of one says nothing of the next.
			l := newLab(t, "--routers", "2", "--hosts", "3", "--link", c.link)
			l.settle()
			l.start("host2", "tool", "udp-echo", ":7").waitFor("listening")
			for flag, row := range rows {
				// right fails unless number is one that the narrow link's hop may say.
				right := func(what, number string) {
					t.Helper()
					if mtu, err := strconv.Atoi(number); err != nil || mtu < c.least || mtu > c.most {
						t.Errorf("%s %s: %s, want %d to %d", what, flag, number, c.least, c.most)
					}
				}
				number := l.pingTooBig(t, flag, row[c.reporter], row[4])
				right("ping", number)
				right("udp-mtu", l.udpMTU(t, row[c.reporter], host(row, 2)))
				trace := l.run("laptop", "tracepath", flag, "-n", host(row, 3))
				want := append(slices.Clone(row[:4]), host(row, 3))
				if m := pathMTU.FindStringSubmatch(trace); m == nil || m[1] != number || !slices.Equal(pathOf(trace), want) {
					t.Errorf("tracepath %s: want pmtu %s and hops %q\n%s", flag, number, want, trace)
				}
			}
		})
	}
}

// host returns the address of the n-th server at the end of a row: .120 is the first.
func host(row []string, n int) string {
	addr := netip.MustParseAddr(row[4])
	for range n - 1 {
		addr = addr.Next()
	}
	return addr.String()
}

// pingTooBig pings dst with DF and a packet that only the narrow link does not take, and returns the MTU that reporter
// says.
func (l *lab) pingTooBig(t *testing.T, flag, reporter, dst string) string {
	t.Helper()
	size := strconv.Itoa(crossesUsualLinks - heads[flag])
	r := l.exec("laptop", "ping", "-n", "-c1", "-W2", "-M", "do", "-s", size, dst)
	said := tooBig[flag].FindStringSubmatch(r.stdout)
	if said == nil || said[1] != reporter {
		t.Errorf("ping %s: want %s to say that it is too big\n%s%s", dst, reporter, r.stdout, r.stderr)
		return ""
	}
	return said[3]
}

// udpMTU returns the path MTU that a UDP application ends up with; the last to lower it has to be reporter.
func (l *lab) udpMTU(t *testing.T, reporter, dst string) string {
	t.Helper()
	out := l.run("laptop", "tool", "udp-mtu", l.hostPort(dst, "7"))
	lines := strings.Split(strings.TrimSpace(out), "\n")
	fits, ok := strings.CutPrefix(lines[len(lines)-1], "fits ")
	if !ok || len(lines) < 2 || lines[len(lines)-2] != reporter+" says "+fits {
		t.Errorf("udp-mtu %s: want %s to say what fits\n%s", dst, reporter, out)
	}
	return fits
}

// A link that becomes narrow, and wide again, while a session lasts.
func TestMTUChanges(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip", "curl")
	l := newLab(t, "--routers", "2", "--hosts", "3")
	l.settle()
	l.echoServer("7")
	l.serve("server", "http-serve", ":80")
	setMTU := func(mtu string) {
		t.Helper()
		l.run("r1", "ip", "link", "set", "to-r2", "mtu", mtu)
		l.run("r2", "ip", "link", "set", "to-r1", "mtu", mtu)
	}
	for flag, row := range rows {
		size := strconv.Itoa(crossesUsualLinks - heads[flag])
		fits := func(dst string) { t.Helper(); l.ping("laptop", 2, "-i0.2", "-M", "do", "-s", size, dst) }
		fits(row[4])
		talk := l.start("laptop", "tool", "udp-talk", "-s", "1300", "-i", "20ms", l.hostPort(row[4], "7"))
		more := func() {
			from := lastAnswer(talk.output())
			talk.until("thirty more answers", 20*time.Second, func(r result) bool { return lastAnswer(r) > from+30 })
		}
		more()
		setMTU("1300")
		if mtu := l.pingTooBig(t, flag, row[2], host(row, 2)); mtu != "1300" { // the first one's is known from the session
			t.Errorf("%s narrow: %s", flag, mtu)
		}
		more() // of 1328 bytes and more, which are cut now
		l.download(strings.TrimSuffix(l.hostPort(row[4], "80"), ":80"), "file", 3_000_000)
		setMTU("1500")
		fits(host(row, 3)) // of which the laptop has learnt nothing yet: of the others it forgets it in ten minutes
		more()
		if r := parseTalk(t, talk.interrupt().stdout); r.wrong+r.twice+r.silent != 0 {
			t.Errorf("%s: %+v", flag, r)
		}
	}
}

// What a host has learnt of a path of IPv6 stays as long as on any path: by way of a gateway that is no router the kernel forgets it
// each time that it cleans up, half a minute apart.
func TestMTUIsRemembered(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip")
	l := newLab(t, "--routers", "2", "--link", fmt.Sprintf("r1-r2:mtu=%d", tightLink))
	if l.rootless() {
		return // this root may not set the interval
	}
	l.run("laptop", "sh", "-ec", "echo 1 >/proc/sys/net/ipv6/route/gc_interval")
	l.settle()
	dst := rows["-6"][4]
	knows := func() bool {
		return strings.Contains(l.run("laptop", "ip", "-6", "route", "get", dst), fmt.Sprintf("mtu %d ", tightLink))
	}
	l.poll("the path MTU", 20*time.Second, func() bool {
		l.exec("laptop", "ping", "-n", "-c1", "-W1", "-s", "1300", dst)
		return knows()
	})
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); <-time.After(200 * time.Millisecond) {
		if !knows() {
			t.Fatalf("forgotten: %s", l.run("laptop", "ip", "-6", "neigh", "show", "nud", "all"))
		}
	}
}
