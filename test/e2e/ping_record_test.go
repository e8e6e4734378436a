//go:build linux

package e2e

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

// TestRecordRoute: ping -R and ping -T show the way there and back, with edge, connector and the routers
// behind it, by ping sockets and by raw ones; with the same number of entries as through Linux routers.
func TestRecordRoute(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	// an address, a time, or both
	entry := regexp.MustCompile(`(?m)^(?:RR: |TS: )?\t(\d+\.\d+\.\d+\.\d+)?\t?(-?\d+)?(?: absolute)?$`)
	for name, flags := range map[string][]string{"ping": nil, "raw": {"--raw"}, "plain": {"--plain"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, append([]string{"--routers", "2"}, flags...)...)
			row := rows["-4"]
			laptop, edge := "100.96.0.1", row[0] // edge as it sends on
			if name == "plain" {
				laptop, edge = "198.51.100.2", "203.0.113.1"
			}
			route := []string{laptop, edge, row[1], "172.16.11.1", "172.16.12.1", row[4], row[4], row[3], row[2]}
			stamped := []string{laptop, row[0], row[1], row[2]}
			for _, c := range []struct {
				args []string
				dst  string
				want []string
				more string // behind the entries
			}{
				{[]string{"-R"}, row[4], route, ""},
				{[]string{"-R"}, row[0], []string{laptop, row[0], row[0], laptop}, ""},
				{[]string{"-R"}, row[1], []string{laptop, edge, row[1], row[1], row[0], laptop}, ""},
				{[]string{"-T", "tsonly"}, row[4], make([]string, 9), "Unrecorded hops: 3"},
				{[]string{"-T", "tsandaddr"}, row[4], stamped, "Unrecorded hops: 7"},
				{[]string{"-T", "tsandaddr"}, row[1], []string{laptop, row[0], row[1], row[1]}, "Unrecorded hops: 2"},
				{[]string{"-T", "tsandaddr"}, row[0], []string{laptop, row[0], row[0], laptop}, ""},
			} {
				out := l.ping("laptop", 1, append(c.args, c.dst)...)
				var got []string
				for _, m := range entry.FindAllStringSubmatch(out, -1) {
					if m[1] != "" || m[2] != "" {
						got = append(got, m[1])
					}
				}
				if !slices.Equal(got, c.want) || c.more != "" && !strings.Contains(out, c.more+"\n") {
					t.Errorf("ping %q %s: %q, want %q and %q\n%s", c.args, c.dst, got, c.want, c.more, out)
				}
			}
		})
	}
}
