//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

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

// A link of the smallest IPv6 MTU works from the first packet on.
func TestNarrowLink(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping", "curl")
	l := newLab(t, "--link", "laptop-edge:mtu=1280")
	l.serve("server", "http-serve", ":80")
	for _, f := range families {
		l.threeHops(f)
		for size := range 1401 {
			if size%100 > 0 && (size < 1160 || size > 1240) { // all of those about the limit
				continue
			}
			args := []string{"-s", fmt.Sprint(size), f.server}
			if f.flag == "-4" {
				args = append([]string{"-M", "dont"}, args...)
			} else {
				args = append([]string{"-M", "want"}, args...)
				l.exec("laptop", append([]string{"ping", "-n", "-c1", "-W1"}, args...)...) // learns the path MTU
			}
			l.ping("laptop", 1, args...)
		}
		host := f.server
		if f.flag == "-6" {
			host = "[" + host + "]"
		}
		l.download(host, "file", 10_000_000)
		l.upload(host, "file")
	}
}

var (
	tooBig = map[string]*regexp.Regexp{
		"-4": regexp.MustCompile(`(?m)^From (\S+) icmp_seq=(\d+) Frag needed and DF set \(mtu = (\d+)\)$`),
		"-6": regexp.MustCompile(`(?m)^From (\S+) icmp_seq=(\d+) Packet too big: mtu=(\d+)$`),
	}
	answered = regexp.MustCompile(`(?m)^1408 bytes from (\S+): icmp_seq=(\d+) ttl=62 `)
)

// A packet that may not be cut is marked with the size that fits, by the hop before the narrow link.
func TestFragmentationMark(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ip")
	for name, l := range bothRows(t, "--link", "r1-r2:mtu=1300") {
		t.Run(name, func(t *testing.T) {
			if name == "oneping" {
				l.settle()
			}
			for flag, row := range rows {
				want := []string{row[0], row[1], row[2], row[2] + " !F-1300"}
				for _, probe := range [][]string{{"-I"}, {"-U"}} {
					forgetMTU("laptop")(l)
					l.wantTrace("narrow", "laptop", slices.Concat([]string{flag, "-F"}, probe, []string{row[4], "1360"}), want...)
				}
				// Without -F it crosses over IPv4; over IPv6 nobody on the way cuts, and the laptop
				// does once it has been told.
				l.wantTrace("whole or in pieces", "laptop", []string{flag, "-U", row[4], "1360"}, row...)
			}
		})
	}
}

// narrowAt are the places where a path may be narrow, who says so (its index in a row) and the
// least and largest number that it may say: exactly the link's MTU for a router, what QUIC leaves
// of it for the links that carry the tunnel.
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

// Wherever the narrow link is, ping, tracepath and a UDP application are told its MTU, by the hop
// whose link it is.
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

// pingTooBig pings dst with DF and a packet that only the narrow link does not take, and returns
// the MTU that reporter says.
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

// What a host has learnt of a path of IPv6 stays as long as on any path: by way of a gateway that
// is no router the kernel forgets it each time that it cleans up, half a minute apart.
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
