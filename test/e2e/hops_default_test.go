//go:build linux

package e2e

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// defaultHop is from where an edge answers that is told nothing (RFC 7600).
const defaultHop = "192.0.0.8"

// TestDefaultHop: an edge without --hop answers as a router, is itself reached, and is heard beside
// Tailscale, whose chain drops what comes from the shared address space by other devices.
func TestDefaultHop(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping", "nft")
	l := newLab(t, "--bare")
	l.byHandWith("--advertise "+edgeDialV4+":7844", "grants: [{id: two, who: [\"*\"], to: ["+connectorV4+", "+serverV4+"], how: [\"*\"]}]\n")
	for _, neighbour := range []string{"nobody", "Tailscale"} {
		t.Run("beside "+neighbour, func(t *testing.T) {
			l := &lab{t: t, name: l.name, dir: l.dir}
			if neighbour == "Tailscale" {
				l.run("laptop", "nft", "-f", l.file("rules", `table ip filter {
	chain ts-input { type filter hook input priority 0; ip saddr 100.64.0.0/10 iifname != "tailscale0" counter drop; }
}
`))
			}
			l.wantTrace("the path", "laptop", []string{"-I", serverV4}, defaultHop, connectorV4, serverV4)
			l.wantTrace("the edge", "laptop", []string{"-I", defaultHop}, defaultHop)
			l.run("laptop", "ping", "-n", "-c1", "-W2", defaultHop)
			r := l.exec("laptop", "ping", "-n", "-c1", "-W2", "172.16.10.99")
			if !strings.Contains(r.stdout, "From "+defaultHop+" icmp_seq=1 Packet filtered") {
				t.Errorf("what is denied: %s", r.stdout)
			}
		})
	}
}

// TestHopOfTheOtherFamily: an edge whose --hop is of one family answers in the other, too. README's
// own --hop was IPv4: hop 1 was stars over IPv6, and what was denied there heard nothing.
func TestHopOfTheOtherFamily(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping")
	for _, c := range []struct{ name, hop, flag, connector, server, denied, says string }{
		{"IPv6 beside --hop of IPv4", edgeV4, "-6", connectorV6, serverV6, "fd6f:6e65:7069:10::99", "Administratively prohibited"},
		{"IPv4 beside --hop of IPv6", edgeV6, "-4", connectorV4, serverV4, "172.16.10.99", "Packet filtered"},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, "--bare")
			l.byHandWith("--advertise "+edgeDialV4+":7844 --hop "+c.hop, "grants: [{id: two, who: [\"*\"], to: [\""+c.connector+"\", \""+c.server+"\"], how: [trace]}]\n")
			hop := l.ownHop(c.flag)
			l.wantTrace("the path", "laptop", []string{c.flag, c.server}, hop, c.connector, c.server)
			r := l.exec("laptop", "ping", c.flag, "-n", "-c1", "-W2", c.denied)
			if !strings.Contains(r.stdout, "From "+hop+" icmp_seq=1 ") || !strings.Contains(r.stdout, c.says) {
				t.Errorf("what is denied: %s", r.stdout)
			}
		})
	}
}

// metadata are addresses of metadata services that hosts do not keep to themselves.
var metadata = []struct{ addr, family, refused string }{
	{"100.100.100.200", "-4", "Packet filtered"},
	{"168.63.129.16", "-4", "Packet filtered"},
	{"fd00:ec2::254", "-6", "Administratively prohibited"},
	{"64:ff9b::a9fe:a9fe", "-6", "Administratively prohibited"},
}

// TestMetadata: a metadata service is refused by the edge where no grant names it, and by the
// connector where `allow:` does not; who is refused hears it, and from an address of that hop.
func TestMetadata(t *testing.T) {
	t.Parallel()
	needs(t, "ping")
	flag, path := policy(t, everyone)
	l := newLab(t, flag, path)
	asked := func(hops map[string]string) {
		t.Helper()
		device := l.capture("laptop", tunName)
		for _, m := range metadata {
			if r := l.exec("laptop", "ping", m.family, "-n", "-c1", "-W2", m.addr); !strings.Contains(r.stdout, "From "+hops[m.family]) || !strings.Contains(r.stdout, m.refused) {
				t.Errorf("%s, want %s from %s: %s", m.addr, m.refused, hops[m.family], r.stdout)
			}
		}
		for _, p := range device.stop(func(p *captured) bool { return p.ok == packet.OK && p.IsEchoReply() }) {
			t.Errorf("somebody answered: %v", p)
		}
	}
	var names []string
	for _, m := range metadata {
		a := netip.MustParseAddr(m.addr)
		l.run("edge", "oneping", "route", "add", netip.PrefixFrom(a, a.BitLen()).String(), "lab")
		names = append(names, `"`+m.addr+`"`)
	}
	l.poll("the laptop captures them", 10*time.Second, func() bool {
		return strings.Contains(l.run("laptop", "ip", "route", "get", metadata[0].addr), tunName) &&
			strings.Contains(l.run("laptop", "ip", "route", "get", metadata[3].addr), tunName)
	})
	asked(map[string]string{"-4": edgeV4, "-6": edgeV6})
	l.file("named.yaml", everyone+"  - {id: named, who: [\"*\"], to: ["+strings.Join(names, ", ")+"], how: [\"*\"]}\n")
	l.run("edge", "oneping", "policy", "apply", "-f", "named.yaml")
	asked(map[string]string{"-4": "203.0.113.2", "-6": "fd6f:6e65:7069:300::2"}) // the connector's, toward its default route
}
