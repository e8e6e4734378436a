//go:build linux

package conformance

import (
	"fmt"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// limits are the defaults of Linux for ICMP errors: to one address six at once and
// one a second (icmp(7); inet_peer_xrlim_allow).
const limits = `echo 1000 >/proc/sys/net/ipv4/icmp_ratelimit
	echo 6168 >/proc/sys/net/ipv4/icmp_ratemask
	echo 1000 >/proc/sys/net/ipv6/icmp/ratelimit`

const (
	burst     = 20
	linuxMost = 6
)

// testLimits gives the routers of all rows their default limits: a burst meets the
// same limit behind edge and connector, and a traceroute at its pace shows every hop.
func testLimits(t *testing.T, p *rows) {
	for _, node := range []string{"edge", "connector", "r1", "r2", "server"} {
		p.linux.shell(node, limits)
	}
	for _, r := range p.oneping {
		for _, node := range []string{"r1", "r2", "server"} {
			r.shell(node, limits)
		}
	}
	for _, v6 := range []bool{false, true} {
		for hop := range hops {
			t.Run(fmt.Sprintf("burst %s, %s", version(v6), hops[hop].name), func(t *testing.T) { testBurst(t, p, v6, hop) })
		}
	}
	<-time.After((linuxMost + 1) * time.Second) // the budgets fill up again
	t.Run("paced", func(t *testing.T) {
		var probes []probe
		for _, v6 := range []bool{false, true} {
			for _, proto := range []uint8{packet.ICMP, packet.UDP, packet.TCP} {
				for _, ttl := range ttls {
					to := places[1]
					to.echo = "echo reply"
					one := probe{proto: proto, dst: to.addr(v6), port: to.port, ttl: ttl, want: to.answer(proto, ttl)}
					one.name = fmt.Sprintf("%s %s, TTL %d", protoNames[proto], version(v6), ttl)
					probes = append(probes, one)
				}
			}
		}
		p.compare(t, probes, time.Second)
	})
}

// testBurst sends twenty probes that expire in one hop at once.
func testBurst(t *testing.T, p *rows, v6 bool, hop int) {
	var probes []probe
	for range burst {
		to := places[1]
		probes = append(probes, probe{proto: packet.UDP, dst: to.addr(v6), port: to.port, ttl: uint8(hop + 1), size: 12, want: anyKind})
	}
	began := time.Now()
	all := p.exchangeAll(t, probes, time.Second)
	refilled := int(time.Since(began) / time.Second)
	a := all[0].count(probes)
	if a < linuxMost || a > linuxMost+refilled {
		t.Errorf("%v: Linux answers %d of %d, want %d", hops[hop].name, a, burst, linuxMost)
	}
	for _, y := range all[1:] {
		b := y.count(probes)
		if hop < 2 { // oneping's own
			if !explain(&probes[0], diff{"time exceeded", "answers to a burst of 20", fmt.Sprint(min(a, linuxMost)), fmt.Sprint(b)}) {
				t.Errorf("%v: %v answers %d of %d", y.row, hops[hop].name, b, burst)
			}
		} else if b < linuxMost || b > linuxMost+refilled {
			t.Errorf("%v: %d of %d answers of %v, want %d as through Linux", y.row, b, burst, hops[hop].name, linuxMost)
		}
	}
}

// count counts the probes that were answered.
func (x *exchange) count(probes []probe) int {
	n := 0
	for i := range probes {
		if len(x.got(probes[i].key)) > 0 {
			n++
		}
	}
	return n
}
