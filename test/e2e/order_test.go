//go:build linux

package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// sizedLinks are laptop–edge links on which a payload of 1,200 bytes fits a datagram, and on which
// it does not: every second one takes the oversize stream there.
var sizedLinks = map[string][]string{"1500": nil, "1280": {"--link", "laptop-edge:mtu=1280"}}

// The datagrams of one UDP session arrive in the order in which they left, large and small, in both
// directions.
func TestUDPOrder(t *testing.T) {
	for mtu, flags := range sizedLinks {
		t.Run(mtu, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, flags...)
			server := l.serve("server", "udp-order-serve", ":5555")
			down := l.run("laptop", "tool", "udp-order", "-n", "200", serverV4+":5555")
			server.until("its burst", 10*time.Second, func(r result) bool { return strings.Count(r.stdout, "up:") == 2 })
			for _, out := range []string{server.output().stdout, down} {
				if !strings.Contains(out, " received, 0 late") || strings.Count(out, " 0 late") != strings.Count(out, "late") {
					t.Errorf("out of order:\n%s", out)
				}
			}
			t.Log(strings.ReplaceAll(server.output().stdout+down, "\n", "; "))
		})
	}
}

// So do echo requests and their replies, and the errors about the packets of one session.
func TestOrderOfEchoesAndErrors(t *testing.T) {
	for mtu, flags := range sizedLinks {
		t.Run(mtu, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, flags...)
			self := l.deviceAddr(families[0])
			burst := []string{"tool", "inject", "-i", "1ns", "-payload", "60", "-vary", "1200"}
			there, back := l.capture("server", "eth0"), l.capture("laptop", "oneping0")
			l.run("laptop", append(burst, "-n", "100", self, serverV4)...)
			l.wantRising("requests", 100, func() []int {
				return numbers(there, func(p *captured) (int, bool) { return int(p.Seq), p.IsEchoRequest() && !p.out })
			})
			l.wantRising("replies", 100, func() []int {
				return numbers(back, func(p *captured) (int, bool) { return int(p.Seq), p.IsEchoReply() })
			})
			for ttl, from := range map[string]string{"1": edgeV4, "2": connectorV4} {
				l.run("laptop", append(burst, "-kind", "udp", "-ttl", ttl, "-n", "60", self, serverV4)...)
				l.wantRising("errors of "+from, 60, func() []int {
					return numbers(back, func(p *captured) (int, bool) {
						var q packet.Packet
						ok := p.Src.String() == from && p.Quoted(&q)
						return int(q.ID), ok
					})
				})
			}
		})
	}
}

// numbers returns what number says of the packets of a running capture.
func numbers(c *capture, number func(*captured) (int, bool)) (all []int) {
	for _, p := range c.packets() {
		if n, ok := number(&p); ok {
			all = append(all, n)
		}
	}
	return all
}

// wantRising waits until there are count numbers, and wants each to be larger than the one before.
func (l *lab) wantRising(what string, count int, get func() []int) {
	l.t.Helper()
	var all []int
	l.poll(fmt.Sprint(count, " ", what), 10*time.Second, func() bool { all = get(); return len(all) >= count })
	if len(all) != count {
		l.t.Errorf("%s: %d, want %d", what, len(all), count)
	}
	for i := 1; i < len(all); i++ {
		if all[i] <= all[i-1] {
			l.t.Errorf("%s: %d comes behind %d\n%v", what, all[i], all[i-1], all)
			return
		}
	}
}
