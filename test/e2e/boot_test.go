//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// honest checks that captured traffic is answered by the client itself and leaves by no other interface.
func (l *lab) honest() {
	l.t.Helper()
	seen := l.capture("laptop", "eth0")
	for _, f := range families {
		own := strings.TrimSpace(l.run("laptop", "sh", "-c", "ip "+f.flag+" -o addr show dev "+tunName+" scope global | sed 's/.*inet6\\? \\([^/ ]*\\).*/\\1/'"))
		if r := l.exec("laptop", "ping", "-n", "-c1", "-W1", f.server); !strings.Contains(r.stdout, "From "+own) || !strings.Contains(r.stdout, "nreachable") {
			l.t.Errorf("with the link down ping %s said, not from %s\n%s%s", f.server, own, r.stdout, r.stderr)
		}
		if r := l.exec("laptop", "traceroute", "-n", "-I", "-q1", "-w1", f.server); !strings.Contains(r.stdout, " 1  "+own) || !strings.Contains(r.stdout, "!H") {
			l.t.Errorf("with the link down traceroute %s said, not from %s\n%s%s", f.server, own, r.stdout, r.stderr)
		}
	}
	for _, p := range seen.stop(func(p *captured) bool {
		return p.ok == packet.OK && (p.Dst.String() == serverV4 || p.Dst.String() == serverV6)
	}) {
		l.t.Errorf("left by eth0: %v", p)
	}
}

// A laptop boots without network, or where the edge does not answer: what was captured is captured,
// errors are the client's own, and when the network comes the link comes.
func TestBootWithLinkDown(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "traceroute", "ip")
	l := newLab(t)
	l.stop("laptop")
	t.Run("no network", func(t *testing.T) {
		l := &lab{t: t, name: l.name, dir: l.dir}
		l.run("laptop", "ip", "link", "set", "eth0", "down")
		p := l.startClient()
		l.honest()
		l.poll("status says why", 10*time.Second, func() bool { s := l.link(); return !s.Up && s.LastError != "" })
		l.run("laptop", "sh", "-ec", networkChanges[0].back)
		t.Logf("linked %v after the network came", l.linked(15*time.Second).Round(time.Millisecond))
		p.interrupt()
	})
	t.Run("no edge", func(t *testing.T) {
		l := &lab{t: t, name: l.name, dir: l.dir}
		l.stop("edge")
		p := l.startClient()
		l.honest()
		l.up("edge")
		l.linked(15 * time.Second)
		p.interrupt()
	})
}

// The first start of all, without network: the client says in its status why it has not enrolled,
// goes on trying, and enrols when the network comes.
func TestFirstStartWithoutNetwork(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip")
	l := newLab(t, "--bare")
	l.byHand(edgeDialV4 + ":7844").interrupt()
	l.run("laptop", "sh", "-c", `rm -r "$ONEPING_STATE_DIR/client"; ip link set eth0 down`)
	l.run("edge", "sh", "-c", "oneping device token --user alice@example.com --output laptop.token")
	p := l.startClient("--token-file", "laptop.token")
	l.poll("status says why", 10*time.Second, func() bool { return strings.Contains(l.link().LastError, "reach edge "+edgeDialV4) })
	if out := l.run("laptop", "oneping", "client", "status"); !strings.Contains(out, "down for ") || !strings.Contains(out, "reach edge "+edgeDialV4) {
		t.Errorf("status says\n%s", out)
	}
	l.run("laptop", "sh", "-ec", networkChanges[0].back)
	p.waitFor(`"link up"`)
	l.linked(5 * time.Second)
}

// The edge has a name, everything is captured (the name server, too), and the laptop boots without
// network: the name is asked for again and again, past the TUN device.
func TestBootWithNameOfEdge(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip", "dnsmasq")
	l := newLab(t, "--bare")
	l.run("laptop", "sh", "-c", "echo 'nameserver "+edgeDialV4+"' >> /etc/resolv.conf")
	l.start("edge", "dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=", "--group=", "--pid-file=", "--log-facility=-",
		"--address=/edge.test/"+edgeDialV4).waitFor("started")
	l.byHand("edge.test:7844 --capture 0.0.0.0/0").interrupt()
	l.run("laptop", "ip", "link", "set", "eth0", "down")
	p := l.startClient()
	l.honest()
	l.poll("status says why", 10*time.Second, func() bool { return strings.Contains(l.link().LastError, "lookup edge.test") })
	l.run("laptop", "sh", "-ec", networkChanges[0].back)
	p.waitFor(`"link up"`)
	l.linked(5 * time.Second)
}

// The first start of a connector while its edge is away: it answers at its local socket, says why
// it has not enrolled, and goes on trying, so that a service that waits for it says the same; and
// it enrols when the edge comes.
func TestFirstStartOfConnectorWithoutEdge(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--bare")
	edge := []string{"oneping", "edge", "run", "--advertise", edgeDialV4 + ":7844", "--hop", edgeV4}
	first := l.start("edge", edge...)
	first.waitFor("edge ready")
	l.run("edge", "sh", "-c", "oneping tunnel create office --route 172.16.10.0/24 --output connector.token")
	first.interrupt()
	p := l.start("connector", "oneping", "connector", "run", "--token-file", "connector.token")
	why := "not enrolled yet: reach edge " + edgeDialV4 + ":7844: "
	var status result
	l.poll("status says why", 20*time.Second, func() bool {
		status = l.exec("connector", "oneping", "connector", "status")
		return strings.Contains(status.stdout, why)
	})
	if status.code != 0 || !strings.HasPrefix(status.stdout, "link     down for ") || !strings.Contains(status.stdout, " to "+edgeDialV4+":7844\n") ||
		!strings.Contains(status.stdout, "hint: is the edge running, and does UDP port 7844 reach it through every firewall?") {
		t.Errorf("status: exit code %d\n%s%s", status.code, status.stdout, status.stderr)
	}
	ready := l.exec("connector", "oneping", "connector", "status", "--ready")
	if ready.code != 1 || !strings.HasPrefix(ready.stderr, "oneping: error: the connector has no link to an edge: "+why) ||
		!strings.Contains(ready.stderr, "\nhint: is the edge running") {
		t.Errorf("status --ready: exit code %d\n%s%s", ready.code, ready.stdout, ready.stderr)
	}
	l.start("edge", edge...)
	p.waitFor(`"link up"`)
	if r := l.exec("connector", "oneping", "connector", "status", "--ready"); r.code != 0 {
		t.Errorf("with a link: exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}
