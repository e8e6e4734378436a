//go:build linux

package e2e

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/oneping/oneping/test/program"
)

// wholeHost prints every rule, route and interface setting of a node.
const wholeHost = `for f in -4 -6; do ip $f rule; ip $f route show table all; done
grep -r "" /proc/sys/net/ipv4/conf /proc/sys/net/ipv6/conf 2>&1 | sort`

// host returns what the client must leave behind as it was, one line each.
func (l *lab) host(node string) string {
	l.t.Helper()
	return l.run(node, "sh", "-c", wholeHost)
}

// sameHost compares line by line.
func (l *lab) sameHost(when, before string) {
	l.t.Helper()
	after := l.host("laptop")
	if after == before {
		return
	}
	have := make(map[string]int)
	for line := range strings.Lines(before) {
		have[line]++
	}
	for line := range strings.Lines(after) {
		if have[line]--; have[line] < 0 {
			l.t.Errorf("%s: there is now %s", when, strings.TrimSpace(line))
		}
	}
	for line, n := range have {
		if n > 0 {
			l.t.Errorf("%s: gone is %s", when, strings.TrimSpace(line))
		}
	}
	if !l.t.Failed() {
		l.t.Errorf("%s: the same lines in another order", when)
	}
}

// A client that is killed leaks nothing, and the next start and stop, or client repair, gives the
// host back what it was, line for line: also with several interfaces, and without IPv6.
func TestKilledClientIsUndone(t *testing.T) {
	t.Parallel()
	needs(t, "ip", "ping")
	repair := "" // as the page has it
	for _, b := range program.Page(t, "docs/deploy.md") {
		if b.Place == "killed" {
			repair = strings.Join(b.Commands(), "\n")
		}
	}
	for name, prepare := range map[string]string{
		"two interfaces": "ip link add eth1 type veth peer name eth2 && ip link set eth1 up && ip link set eth2 up && ip addr add 10.20.0.5/16 dev eth1 && ip rule add pref 5003 to 10.99.0.0/16 lookup main protocol static && sysctl -qw net.ipv4.conf.eth1.rp_filter=1",
		"without IPv6":   "sysctl -qw net.ipv6.conf.all.disable_ipv6=1 net.ipv6.conf.default.disable_ipv6=1 && ip link add eth1 type veth peer name eth2 && ip link set eth1 up && ip link set eth2 up",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t)
			l.stop("laptop")
			l.run("laptop", "sh", "-c", prepare)
			before := l.host("laptop")
			l.up("laptop")
			l.stop("laptop")
			l.sameHost("after start and stop", before)

			l.up("laptop")
			if r := l.exec("laptop", "oneping", "client", "repair"); r.code != 1 || !strings.Contains(r.stderr, "in use by process") || !strings.Contains(r.stderr, "hint: stop it: ") {
				t.Errorf("repair of a running client: code %d\n%s%s", r.code, r.stdout, r.stderr)
			}
			l.run("laptop", "ping", "-n", "-c1", "-W2", serverV4)
			l.killedClient()
			l.up("laptop")
			l.run("laptop", "ping", "-n", "-c1", "-W2", serverV4)
			l.stop("laptop")
			l.sameHost("after kill, start and stop", before)

			l.up("laptop")
			l.killedClient()
			if out := l.run("laptop", "sh", "-c", repair); !strings.Contains(out, "removed rule   5003: not from all fwmark 0x31700000 lookup 7844\n") || !strings.Contains(out, "\nrepaired: ") {
				t.Errorf("repair said\n%s", out)
			}
			l.sameHost("after kill and repair", before)

			l.up("laptop")
			l.killedClient()
			l.run("laptop", "sh", "-c", "rm -r \"$ONEPING_STATE_DIR/client\"")
			var done struct{ Rules, Routes []string }
			l.json("laptop", &done, "oneping", "client", "repair", "--json")
			if len(done.Rules) < 3 || len(done.Routes) < 10 {
				t.Errorf("repair without a state directory removed %+v", done)
			}
			l.sameHost("after kill, loss of the state directory and repair", before)
			if out := l.run("laptop", "oneping", "client", "repair"); out != "nothing to repair\n" {
				t.Errorf("with nothing to do repair said\n%s", out)
			}
			out := l.run("laptop", "oneping", "client", "repair", "--json")
			if err := json.Unmarshal([]byte(out), &done); err != nil || len(done.Rules)+len(done.Routes) != 0 {
				t.Errorf("with nothing to do repair said %v\n%s", err, out)
			}
		})
	}
}

// killedClient kills the laptop's client and checks that what it captured does not leave by another
// interface.
func (l *lab) killedClient() {
	l.t.Helper()
	seen := l.capture("laptop", "eth0")
	l.kill("laptop")
	if r := l.exec("laptop", "ping", "-n", "-c1", "-W1", serverV4); r.code == 0 || !strings.Contains(r.stdout+r.stderr, "No route to host") {
		l.t.Errorf("without the client ping ended with %d\n%s%s", r.code, r.stdout, r.stderr)
	}
	for _, p := range seen.stop(func(p *captured) bool { return p.Dst.String() == serverV4 }) {
		l.t.Errorf("leaked: %v", p)
	}
}
