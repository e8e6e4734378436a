//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// TestLabelsOfARouter: what a router says behind the packet that it quotes (RFC 4884), here MPLS labels
// (RFC 4950), reaches traceroute -e by each of its probes, and the same through a row of Linux routers.
// A router of before RFC 4884 does not state where it begins.
func TestLabelsOfARouter(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "nft")
	const labels = "<MPLS:L=24001,E=2,S=0,T=1/L=16,E=0,S=1,T=1>"
	for name, flags := range map[string][]string{"ping": nil, "raw": {"--raw"}, "plain": {"--plain"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, append([]string{"--routers", "2"}, flags...)...)
			l.run("r1", "nft", "-f", l.file("rules", `table inet labels {
chain output { type filter hook output priority 0;
meta mark != 7 icmp type time-exceeded drop
meta mark != 7 icmpv6 type time-exceeded drop
}
}
`))
			for _, f := range families {
				row := rows[f.flag]
				device := strings.Fields(l.run("r1", "ip", "-o", "addr", "show", "to", row[2]))[1]
				for _, form := range [][]string{nil, {"-old"}} {
					argv := slices.Concat([]string{"tool", "labels", "-from", row[2]}, form, []string{device})
					router := l.start("r1", argv...)
					router.waitFor("listening")
					for _, probe := range [][]string{{"-I"}, {"-U"}, {"-T", "-p", "81"}} {
						argv := slices.Concat([]string{"traceroute", "-n", f.flag, "-e", "-q1", "-w2", "-f3", "-m4"}, probe, []string{row[4]})
						var out string
						for range traceTries {
							if out = l.run("laptop", argv...); strings.Contains(out, row[2]+" "+labels) {
								break
							}
						}
						if !strings.Contains(out, " 3  "+row[2]+" "+labels+"  ") || !strings.Contains(out, " 4  "+row[3]+"  ") {
							t.Errorf("%s, %q:\n%s", strings.Join(argv, " "), form, out)
						}
					}
					router.interrupt()
				}
			}
		})
	}
}
