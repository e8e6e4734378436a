//go:build linux

package e2e

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// pathTools are the ways to ask for a path, each ended by the destination; FLAG is -4 or -6, and to
// nmap nothing or -6.
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

// askPath runs one of pathTools and returns the hops and everything that it printed. traceroute with
// one probe at a time can hang: the kernel notes an error at the socket (raw_err) after another CPU
// has taken it out of the error queue, and traceroute then asks the empty queue for ever.
func (l *lab) askPath(argv, flag, dst string) ([]string, string) {
	l.t.Helper()
	if strings.HasPrefix(argv, "tracepath") { // which says what the host has learnt of the MTU, too
		forgetMTU("laptop")(l)
	}
	r := l.exec("laptop", append([]string{"timeout", "30"}, strings.Fields(pathCommand(argv, flag, dst))...)...)
	return pathOf(r.stdout), r.stdout + r.stderr
}

// Every tool shows edge, connector, both routers and the server, and the same through a row of Linux
// routers; under the policy that a user's lab has, README and the first start show.
func TestTruePath(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "mtr", "tracepath", "tcptraceroute", "nmap", "ping")
	for name, flags := range map[string][]string{"oneping": {"--routers", "2"}, "plain": {"--routers", "2", "--plain"}} {
		t.Run(name, func(t *testing.T) {
			l := newStrictLab(t, flags...)
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
