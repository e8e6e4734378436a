//go:build linux

package e2e

import (
	"strings"
	"sync"
	"testing"
	"time"
)

// A laptop goes from one network to another and back while pings run: they go on, each with its
// identifier, over the same link, by QUIC migration.
func TestNetworkChanges(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip")
	for name, edge := range map[string]string{"IPv4": edgeDialV4, "IPv6": edgeDialV6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "--second-uplink", "--bare")
			client := l.byHand("[" + edge + "]:7844")
			before := l.link()
			for _, change := range networkChanges {
				server := l.capture("server", "eth0")
				pings := []*steady{l.steadyPing(serverV4), l.steadyPing(serverV6)}
				for _, step := range []string{change.away, change.back} {
					moment := time.Now()
					l.run("laptop", "sh", "-ec", step)
					for _, p := range pings {
						p.back(moment)
					}
				}
				seen := server.stop(nil)
				for _, p := range pings {
					p.p.interrupt()
					n, of := p.lost()
					t.Logf("%s and back: %s: %d lost of %d", change.name, p.p.what, n, of)
					if n > 50 { // a second of two changes
						t.Errorf("%s and back: %s: %d lost of %d", change.name, p.p.what, n, of)
					}
				}
				for _, v6 := range []bool{false, true} {
					if got := requests(seen, v6); len(got) != 1 {
						t.Errorf("%s: the server saw the identifiers %v", change.name, got)
					}
				}
			}
			l.sameLink(before)
			client.followed(6)
		})
	}
}

// sameLink checks that the laptop's link has not been dialled again.
func (l *lab) sameLink(before linkStatus) linkStatus {
	l.t.Helper()
	after := l.link()
	if after.Link == nil {
		l.t.Fatal("there is no link")
	}
	if !after.Up || !after.Link.Since.Equal(before.Link.Since) {
		l.t.Errorf("the link is another one: %+v, it was %+v", after.Link, before.Link)
	}
	return after
}

// followed checks that the client has noticed so many changes of network by itself, not by silence.
func (p *process) followed(n int) {
	p.l.t.Helper()
	if log := p.output().stderr; strings.Count(log, `"the network changed"`) < n || strings.Contains(log, "no longer pass") {
		p.l.t.Errorf("the client noticed not %d changes of network\n%s", n, log)
	}
}

// For two seconds there is no network at all, then one that is narrower: transfers of both directions go on.
func TestNetworkAwayDuringTransfers(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "ip")
	for name, edge := range map[string]string{"IPv4": edgeDialV4, "IPv6": edgeDialV6} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, "--second-uplink", "--bare")
			client := l.byHand("[" + edge + "]:7844")
			l.serve("server", "http-serve", ":80")
			l.run("edge", "ip", "link", "set", "to-laptop-2", "mtu", "1300")
			l.run("laptop", "ip", "link", "set", "eth1", "mtu", "1300")
			l.run("laptop", "ip", "link", "set", "eth1", "down")
			l.download(serverV4, "up", 40_000_000)
			before := l.link()
			var both sync.WaitGroup
			both.Go(func() { l.download("["+serverV6+"]", "down", 80_000_000, "--limit-rate", "8M") })
			both.Go(func() { l.upload(serverV4, "up", "--limit-rate", "5M") })
			began := l.moved("tx")
			l.poll("the upload is under way", 20*time.Second, func() bool { return l.moved("tx")-began > 5_000_000 })
			l.run("laptop", "sh", "-ec", `ip link set eth0 down
sleep 2
ip link set eth1 up
ip addr add fd6f:6e65:7069:500::2/64 dev eth1 nodad
ip route add default via 192.0.2.17
ip route add 192.0.2.1 via 192.0.2.17
ip -6 route add default via fd6f:6e65:7069:500::1
ip -6 route add fd6f:6e65:7069:400::1 via fd6f:6e65:7069:500::1`)
			both.Wait()
			if after := l.sameLink(before); after.Link.PathMTU > 1300 {
				t.Errorf("path MTU %d on a network of 1300", after.Link.PathMTU)
			}
			client.followed(1)
		})
	}
}
