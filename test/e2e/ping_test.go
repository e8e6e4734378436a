//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
)

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

func TestThousandPings(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	l := newLab(t)
	l.ping("laptop", 1000, "-i", "0.001", serverV4)
	l.ping("laptop", 1000, "-i", "0.001", serverV6)
}
