//go:build linux

package e2e

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// largest payloads: of an IPv4 packet of 65,535 bytes, and of an IPv6 packet with so many behind
// its first header.
var largest = map[string]int{"-4": 65507, "-6": 65527}

// tightLink is the MTU of the narrow link of TestAllSizesCross.
const tightLink = 1300

// sizesOf are the sizes of echo and UDP payloads that are asked: each up to each, from there on
// those about each size at which a packet takes one more fragment on a usual or on the narrow link,
// and every 127th. With ONEPING_ALL_SIZES=1 each there is.
func sizesOf(flag string, each int) string {
	most := largest[flag]
	if os.Getenv("ONEPING_ALL_SIZES") != "" {
		return fmt.Sprintf("0-%d", most)
	}
	spec := []string{fmt.Sprintf("0-%d,%d-%d/127,%[3]d", each, each+1, most)}
	head := map[string]int{"-4": 20, "-6": 48}[flag] // in front of each fragment
	for _, mtu := range []int{1500, tightLink} {
		step := (mtu - head) &^ 7
		for whole := step; whole-8+2 <= most; whole += step {
			spec = append(spec, fmt.Sprintf("%d-%d", whole-8-2, whole-8+2))
		}
	}
	return strings.Join(spec, ",")
}

// Without DF everything crosses, from nothing to the largest packet there is, whatever the links
// are, as echo and as datagram, with ping sockets and with raw ones.
func TestAllSizesCross(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	for name, c := range map[string]struct {
		flags, protos []string
		each          int
	}{
		"ping sockets": {nil, []string{"icmp", "udp"}, 9000},
		"raw sockets":  {[]string{"--raw"}, []string{"icmp"}, 3000}, // UDP takes the same way
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, append(c.flags, "--routers", "2", "--link", fmt.Sprintf("r1-r2:mtu=%d", tightLink))...)
			l.settle()
			l.echoServer("7")
			for flag, row := range rows {
				for _, size := range []string{"1400", "1340", "1340"} { // the first large ones teach the host the path MTU: the edge's, then r1's
					l.exec("laptop", "ping", "-n", "-c1", "-W1", "-s", size, row[4])
				}
				// And the server's own large answer has DF, as Linux sends it: its loss teaches the
				// server the way back.
				l.exec("laptop", "tool", "udp-ask", "-sizes", "1340", "-w", "1s", l.hostPort(row[4], "7"))
				for _, proto := range c.protos {
					dst := row[4]
					if proto == "udp" {
						dst = l.hostPort(dst, "7")
					}
					l.askAll(t, proto, sizesOf(flag, c.each), dst)
				}
				for _, size := range []string{"0", "1", "1251", "1252", "1253", "1271", "1272", "1273", "1369", "1370", "1371", "8000", "65000", "65507"} {
					argv := []string{"-s", size, row[4]}
					if flag == "-4" {
						argv = append([]string{"-M", "dont"}, argv...)
					}
					l.ping("laptop", 1, argv...)
				}
			}
		})
	}
}

var asked = regexp.MustCompile(`: (\d+) sizes, (\d+) answered, 0 lost, (\d+) asked again, 0 wrong, 0 twice, `)

// askAll wants each size answered: none lost, hardly any at a second try.
func (l *lab) askAll(t *testing.T, proto, sizes, dst string) {
	t.Helper()
	r := l.start("laptop", "tool", "sizes", "-proto", proto, "-sizes", sizes, dst).wait(10 * time.Minute)
	t.Log(strings.TrimSpace(r.stdout))
	m := asked.FindStringSubmatch(r.stdout)
	if r.code != 0 || m == nil || m[1] != m[2] {
		t.Errorf("sizes %s: exit code %d\n%s%s", dst, r.code, r.stdout, r.stderr)
		return
	}
	all, _ := strconv.Atoi(m[1])
	if again, _ := strconv.Atoi(m[3]); again*50 > all {
		t.Errorf("sizes %s: %d of %d asked again", dst, again, all)
	}
}
