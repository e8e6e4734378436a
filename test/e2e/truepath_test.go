//go:build linux

package e2e

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// pathLine is a line about a hop in the output of traceroute, tcptraceroute, tracepath, mtr and nmap alike: a number, and
// something behind it.
var pathLine = regexp.MustCompile(`^ *(\d+)(?:\.\|--|:|\?:|) +(.*)$`)

// pathOf reads the hops that any tool has printed: the addresses of each line, with "*" where a probe was
// not answered, the marks of traceroute, and a loss in percent other than 0.
func pathOf(out string) []string {
	var path []string
	for line := range strings.Lines(out) {
		m := pathLine.FindStringSubmatch(strings.TrimRight(line, "\n"))
		if m == nil {
			continue
		}
		var said []string
		for _, word := range strings.Fields(m[2]) {
			_, err := netip.ParseAddr(word)
			lost := strings.HasSuffix(word, "%") && word != "0.0%"
			if (err == nil || lost || word == "*" || strings.HasPrefix(word, "!")) && !slices.Contains(said, word) {
				said = append(said, word)
			}
		}
		if hop := strings.Join(said, " "); hop != "" && (len(path) == 0 || path[len(path)-1] != hop) { // tracepath repeats
			path = append(path, hop)
		}
	}
	return path
}

// pathTools are the ways to ask for a path, each ended by the destination; FLAG is -4 or -6, and to nmap nothing or -6.
var pathTools = []struct {
	argv string
	only string // family
	keep string // what stays of it in a transcript
}{
	{argv: "traceroute -n FLAG"},
	{argv: "traceroute -n FLAG -I"},
	{argv: "traceroute -n FLAG -T"},
	{argv: "traceroute -n FLAG -T -p 443 --sport=40443"},
	{argv: "traceroute -n FLAG -T -O ack -p 80"},
	{argv: "traceroute -n FLAG -U -p 53"},
	{argv: "traceroute -n FLAG -U --sport=40053"},
	{argv: "traceroute -n FLAG -q 10 -N 32"},
	{argv: "traceroute -n FLAG -m 64 -F"},
	{argv: "mtr -n FLAG -rwc 3 -i 0.2 -G 1"},
	{argv: "mtr -n FLAG -rwc 3 -i 0.2 -G 1 -u"},
	{argv: "mtr -n FLAG -rwc 3 -i 0.2 -G 1 -T -P 443"},
	{argv: "tracepath -n FLAG"},
	{argv: "tcptraceroute -n", only: "-4", keep: tcptraceroutePath}, // knows no IPv6
	{argv: "tcptraceroute -n -A", only: "-4", keep: tcptraceroutePath},
	{argv: "nmap -n FLAG -Pn -p 80 --traceroute", keep: nmapPath},
	{argv: "nmap -n FLAG -sn --traceroute", keep: nmapPath},
	{argv: "nmap -n FLAG -sU -p 33434 -Pn --traceroute", keep: nmapPath},
}

// The lines about hops of the two that print much else.
const (
	tcptraceroutePath = `^ *\d`
	nmapPath          = `^(HOP|\d+ +[0-9.]+ ms)`
)

// pathCommand is one of pathTools as it is typed.
func pathCommand(argv, flag, dst string) string {
	if strings.HasPrefix(argv, "nmap") && flag == "-4" {
		flag = ""
	}
	return strings.Join(append(strings.Fields(strings.Replace(argv, "FLAG", flag, 1)), dst), " ")
}

// askPath runs one of pathTools and returns the hops and everything that it printed.
func (l *lab) askPath(argv, flag, dst string) ([]string, string) {
	l.t.Helper()
	if strings.HasPrefix(argv, "tracepath") { // which says what the host has learnt of the MTU, too
		forgetMTU("laptop")(l)
	}
	r := l.exec("laptop", strings.Fields(pathCommand(argv, flag, dst))...)
	return pathOf(r.stdout), r.stdout + r.stderr
}

// Every tool shows edge, connector, both routers and the server, and the same through a row of Linux routers.
func TestTruePath(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "mtr", "tracepath", "tcptraceroute", "nmap", "ping")
	for name, flags := range map[string][]string{"oneping": {"--routers", "2"}, "plain": {"--routers", "2", "--plain"}} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, flags...)
			if name == "oneping" {
				l.settle()
				l.powers(t, "0000000000000000")
			}
			for flag, want := range rows {
				l.paths(t, flag, want, name)
				l.paris(t, flag, want)
				// 64, less one for each of r2, r1, connector and edge.
				if out := l.ping("laptop", 1, want[4]); !strings.Contains(out, " ttl=60 ") {
					t.Errorf("ping %s: want ttl=60\n%s", want[4], out)
				}
			}
		})
	}
}

// paths asks by every tool and wants these hops, and what the transcripts of that row say.
func (l *lab) paths(t *testing.T, flag string, want []string, row string) {
	t.Helper()
	name := "paths/ipv" + flag[1:] + "-" + row
	transcript, all := readTranscript(t, name), ""
	for _, tool := range pathTools {
		if tool.only != "" && tool.only != flag {
			continue
		}
		var got []string
		var out, text string
		for range traceTries {
			got, out = l.askPath(tool.argv, flag, want[4])
			text = shown("laptop", pathCommand(tool.argv, flag, want[4]), out, tool.keep) + "\n"
			if slices.Equal(got, want) && (strings.Contains(transcript, text) || updating()) {
				break
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s (%s): hops %q, want %q\n%s", tool.argv, flag, got, want, out)
		}
		all += text
	}
	paris := "tool paris -m 5 " + netip.AddrPortFrom(netip.MustParseAddr(want[4]), 33010).String()
	all += shown("laptop", paris, l.run("laptop", strings.Fields(paris)...), "")
	matchTranscript(t, name, func(string) string { return all })
}

// paris sends all probes of a Paris traceroute at once: one five-tuple, one payload.
func (l *lab) paris(t *testing.T, flag string, want []string) {
	t.Helper()
	expired, closed := "11/0", "3/3"
	if flag == "-6" {
		expired, closed = "3/0", "1/4"
	}
	var lines []string
	for i := range 8 {
		said := want[min(i, 4)] + " " + expired
		if i >= 4 {
			said = want[4] + " " + closed
		}
		lines = append(lines, fmt.Sprintf("%d [%s %s]", i+1, said, said))
	}
	for round := range 3 {
		dst := netip.AddrPortFrom(netip.MustParseAddr(want[4]), uint16(33000+round)).String()
		if out := strings.Split(strings.TrimSpace(l.run("laptop", "tool", "paris", "-m", "8", "-q", "2", dst)), "\n"); !slices.Equal(out, lines) {
			t.Errorf("paris %s, round %d:\n%s\nwant\n%s", dst, round, strings.Join(out, "\n"), strings.Join(lines, "\n"))
		}
	}
}

// powers fails unless the connector runs as nobody (as its own root where there is no other user) and has this set of
// capabilities, and may never have another.
func (l *lab) powers(t *testing.T, set string) {
	t.Helper()
	out := l.run("connector", "sh", "-c", `for p in /proc/[0-9]*; do
	case "$(readlink $p/exe) $(tr '\0' ' ' <$p/cmdline)" in */oneping\ *"connector run"*) grep -E '^(Uid|CapEff|CapPrm|CapBnd|CapAmb)' $p/status;; esac
done 2>/dev/null; true`)
	uid := "65534"
	if l.rootless() {
		uid = "0"
	}
	want := []string{"Uid:", uid, uid, uid, uid, "CapPrm:", set, "CapEff:", set, "CapBnd:", set, "CapAmb:", set}
	if got := strings.Fields(out); !slices.Equal(got, want) {
		t.Errorf("the connector is %q, want %q", got, want)
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

// connectorWith replaces the lab's connector by one with more flags and the same identity. It runs as root: a
// test that needs another user says so.
func (l *lab) connectorWith(flags ...string) *process {
	l.t.Helper()
	l.stop("connector")
	if !l.rootless() { // where the only group is inside the range already
		l.run("connector", "sh", "-c", `echo "0 2147483647" >/proc/sys/net/ipv4/ping_group_range`)
	}
	p := l.start("connector", append([]string{"oneping", "connector", "run"}, flags...)...)
	p.waitFor("link up")
	return p
}
