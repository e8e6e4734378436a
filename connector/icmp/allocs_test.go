//go:build !race

package icmp

import (
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

// The race detector makes pools forget on purpose, so this holds without it only.
func TestAllocs(t *testing.T) {
	b := newBench(t, Config{})
	b.cfg.Back = deaf{b}
	p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, Payload: make([]byte, 56)})
	b.fake.sent = make([]sentEcho, 0, 10_000)
	for range ringSize {
		b.Send(&p, 9)
	}
	if n := testing.AllocsPerRun(1000, func() { b.Send(&p, 9) }); n != 0 {
		t.Errorf("%v allocations for a request", n)
	}
	a := &reply{out: Outer{Ident: 7}, from: server4, seq: 1, ttl: 60, payload: make([]byte, 56)}
	if n := testing.AllocsPerRun(1000, func() { b.reply(a) }); n != 0 {
		t.Errorf("%v allocations for a reply", n)
	}
	router := icmpError{
		Error: packet.Error{Src: router4, Type: packet.TypeTimeExceeded, TTL: 63},
		Outer: Outer{Ident: 7}, dst: server4, quoted: icmpOf(p, Outer{Ident: 7}), seq: 1,
	}
	if n := testing.AllocsPerRun(1000, func() { b.fail(&router) }); n != 0 {
		t.Errorf("%v allocations for an error", n)
	}
	if n := b.counters.Get(packet.Unsolicited); n != 0 {
		t.Errorf("%d replies did not match", n)
	}
}
