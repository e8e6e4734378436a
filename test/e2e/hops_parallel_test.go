//go:build linux

package e2e

import (
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// manyTools are the kinds of probes that run beside each other; FLAG is -4 or -6. They are made in
// turn, so that neighbours differ. Without -w, traceroute gives up on a probe after ten times the
// round trip of the next hop: some 5 ms here, which a busy machine needs by itself.
var manyTools = []string{
	"traceroute -n -w5 FLAG -I",
	"traceroute -n -w5 FLAG",
	"traceroute -n -w5 FLAG -T -p 80",
	"traceroute -n -w5 FLAG -U -p 53",
	"mtr -n FLAG -rwc 2 -i 0.5 -G 2",
}

// manyPaths is how many run at once, each to a destination of its own.
const manyPaths = 30

// Traceroutes of all kinds at once, each to its own destination: no hop is missing, and none is another's.
// ONEPING_ROUNDS is how often, 2 by default.
func TestManyTraceroutes(t *testing.T) {
	needs(t, "traceroute", "mtr", "ip")
	rounds := 2
	if n, err := strconv.Atoi(os.Getenv("ONEPING_ROUNDS")); err == nil {
		rounds = n
	}
	l := newLab(t, "--routers", "2")
	l.settle()
	for _, node := range []string{"r1", "r2", "server"} {
		l.run(node, "sh", "-ec", noRateLimit)
	}
	var add strings.Builder
	for i := range manyPaths {
		fmt.Fprintf(&add, "ip addr add %s/24 dev eth0; ip addr add %s/64 dev eth0 nodad\n", manyDst("-4", i), manyDst("-6", i))
	}
	l.run("server", "sh", "-ec", add.String())
	for round := range rounds {
		var all sync.WaitGroup
		for i := range manyPaths {
			all.Go(func() { l.onePath(t, round, i) })
		}
		all.Wait()
	}
}

// manyDst returns the i-th address of the server.
func manyDst(flag string, i int) string {
	if flag == "-4" {
		return fmt.Sprintf("172.16.12.%d", 150+i)
	}
	return fmt.Sprintf("fd6f:6e65:7069:12::%d", 150+i)
}

// onePath asks for the i-th path. A tool that is silent about a hop is asked again (see
// traceTries); a hop that it names and that is not on the way is an error at once.
func (l *lab) onePath(t *testing.T, round, i int) {
	flag := []string{"-4", "-6"}[i/len(manyTools)%2]
	want := append(slices.Clone(rows[flag][:4]), manyDst(flag, i))
	argv := manyTools[i%len(manyTools)]
	for try := range traceTries {
		got, out := l.askPath(argv, flag, want[4])
		if slices.Equal(got, want) {
			return
		}
		if hop, swapped := notOnTheWay(got, want); swapped || try == traceTries-1 {
			t.Errorf("round %d: %s (%s) to %s: hops %q, want %q; wrong: %q\n%s", round, argv, flag, want[4], got, want, hop, out)
			return
		}
		t.Logf("round %d: %s (%s) to %s is incomplete: %q", round, argv, flag, want[4], got)
	}
}

// notOnTheWay returns the first address that a path names in a place that is not its own.
func notOnTheWay(got, want []string) (string, bool) {
	for i, hop := range got {
		for _, word := range strings.Fields(hop) {
			if word != "*" && !strings.HasSuffix(word, "%") && (i >= len(want) || word != want[i]) {
				return word, true
			}
		}
	}
	return "", false
}
