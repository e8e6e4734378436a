//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// client runs a client by hand on the laptop; it need not have a link.
func (l *lab) startClient(flags ...string) *process {
	l.t.Helper()
	p := l.start("laptop", append([]string{"oneping", "client", "up"}, flags...)...)
	l.poll("the client answers", 10*time.Second, func() bool { return l.exec("laptop", "oneping", "client", "status").code == 0 })
	return p
}

// linked waits until the client has a link and a ping crosses, and returns how long that took.
func (l *lab) linked(within time.Duration) time.Duration {
	l.t.Helper()
	began := time.Now()
	l.poll("a ping crosses", within, func() bool { return l.exec("laptop", "ping", "-n", "-c1", "-W1", serverV4).code == 0 })
	return time.Since(began)
}

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

// A laptop boots without network, or where the edge does not answer: what was captured is captured, errors are the
// client's own, and when the network comes the link comes.
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

// The first start of all, without network: the client says in its status why it has not enrolled, goes on trying, and
// enrols when the network comes.
func TestFirstStartWithoutNetwork(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip")
	l := newLab(t, "--bare")
	l.byHand(edgeDialV4 + ":7844").interrupt()
	l.run("laptop", "sh", "-c", `rm -r "$ONEPING_STATE_DIR/client"; ip link set eth0 down`)
	l.run("edge", "sh", "-c", "oneping device token --user alice@example.com > laptop.token")
	p := l.startClient("--token-file", "laptop.token")
	l.poll("status says why", 10*time.Second, func() bool { return strings.Contains(l.link().LastError, "reach edge "+edgeDialV4) })
	if out := l.run("laptop", "oneping", "client", "status"); !strings.Contains(out, "down for ") || !strings.Contains(out, "reach edge "+edgeDialV4) {
		t.Errorf("status says\n%s", out)
	}
	l.run("laptop", "sh", "-ec", networkChanges[0].back)
	p.waitFor(`"link up"`)
	l.linked(5 * time.Second)
}

// The edge has a name, everything is captured (the name server, too), and the laptop boots without network: the name is asked for
// again and again, past the TUN device.
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

// The laptop's name service is a program of its own that sends its questions into the tunnel (systemd-resolved, with
// everything captured): without a link there are no names, and without its edge's name no link. The client dials the address
// that the edge had, after a loss of the network and at the next start.
func TestNamesThroughTheTunnel(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip", "dnsmasq", "dig")
	l := newLab(t, "--bare")
	dnsmasq := []string{"dnsmasq", "-k", "-C", "/dev/null", "--no-resolv", "--no-hosts", "--user=", "--group=", "--pid-file=", "--log-facility=-", "--cache-size=0"}
	l.start("edge", append(dnsmasq, "--address=/edge.test/"+edgeDialV4)...).waitFor("started")
	for _, node := range []string{"laptop", "connector"} { // one /etc/resolv.conf for all
		l.start(node, append(dnsmasq, "--bind-interfaces", "--listen-address=127.0.0.53", "--server="+edgeDialV4)...).waitFor("started")
	}
	l.run("laptop", "sh", "-c", "echo 'nameserver 127.0.0.53' >> /etc/resolv.conf")
	resolves := func() bool {
		return strings.TrimSpace(l.exec("laptop", "dig", "+short", "+tries=1", "+time=1", "edge.test").stdout) == edgeDialV4
	}
	if !resolves() {
		t.Fatal("the laptop's name service does not work without a tunnel")
	}
	p := l.byHand("edge.test:7844 --capture 0.0.0.0/0")
	l.linked(5 * time.Second)
	if resolves() {
		t.Fatal("the questions of the laptop's name service do not go into the tunnel")
	}
	lose := func() {
		l.run("laptop", "ip", "link", "set", "eth0", "down")
		l.poll("status says why", 20*time.Second, func() bool { return strings.Contains(l.link().LastError, "lookup edge.test") })
		l.run("laptop", "sh", "-ec", networkChanges[0].back)
	}
	lose()
	l.linked(10 * time.Second)
	p.interrupt()
	l.run("laptop", "ip", "link", "set", "eth0", "down")
	l.startClient()
	lose()
	l.linked(10 * time.Second)
}

// A laptop sleeps until its edge has forgotten it: when it wakes up the link is back within seconds, and a ping that ran
// all the time goes on with its identifier; also where it wakes up in another network.
func TestSleep(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip")
	for name, awakes := range map[string]string{"in the same network": "true", "in another network": networkChanges[0].away} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "--second-uplink", "--bare")
			l.byHand(edgeDialV4 + ":7844")
			server := l.capture("server", "eth0")
			ping := l.steadyPing(serverV4)
			l.signalClient("STOP")
			defer l.signalClient("CONT")
			l.poll("the edge has given the laptop up", 30*time.Second, func() bool { return l.devices() == 0 })
			<-time.After(5 * time.Second)
			l.run("laptop", "sh", "-ec", awakes)
			moment := time.Now()
			l.signalClient("CONT")
			ping.p.until("answers", 20*time.Second, func(result) bool {
				at, last := ping.answers()
				return at[last].After(moment)
			})
			at, last := ping.answers()
			took := at[last].Sub(moment)
			t.Logf("awake, and answered %v later", took.Round(time.Millisecond))
			if took > 5*time.Second {
				t.Errorf("answered %v after waking up", took)
			}
			if seen := requests(server.stop(nil), false); len(seen) != 1 {
				t.Errorf("the server saw the identifiers %v", seen)
			}
		})
	}
}

// signalClient sends a signal to the laptop's client: what "lab exec" forwards does not include these.
func (l *lab) signalClient(signal string) {
	l.t.Helper()
	l.run("laptop", "sh", "-c", `for p in /proc/[0-9]*; do
	case "$(tr '\0' ' ' <$p/cmdline)" in *oneping\ client\ u[p]\ *) kill -`+signal+` ${p#/proc/};; esac
done 2>/dev/null; true`)
}

// devices returns how many laptops are connected.
func (l *lab) devices() int {
	l.t.Helper()
	var status struct{ Devices []struct{ ID string } }
	l.json("edge", &status, "oneping", "edge", "status", "--json")
	return len(status.Devices)
}
