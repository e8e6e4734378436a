//go:build linux

package conformance

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

var laptop = map[bool]netip.Addr{false: netip.MustParseAddr("198.51.100.2"), true: netip.MustParseAddr("fd6f:6e65:7069:200::2")}

// all returns the catalogue of both versions with keys.
func all() []probe {
	probes := slices.Concat(catalogue(false), catalogue(true), narrow(false, 1300, 1500), narrow(true, 1300, 1500))
	for i := range probes {
		probes[i].key = uint16(20000 + i)
	}
	return probes
}

// TestCatalogue: every probe has a name of its own and is, unless it is damaged on
// purpose, a packet without fault that its key is found in.
func TestCatalogue(t *testing.T) {
	names := map[string]bool{}
	for _, p := range all() {
		if names[p.name] {
			t.Errorf("%s: twice", p.name)
		}
		names[p.name] = true
		packets := p.packets(laptop[p.v6()])
		if p.twist != nil {
			continue
		}
		whole := len(packets) == 1 && (p.pieces == nil || p.pieces[0].from == 0 && !p.pieces[0].more)
		for _, b := range packets {
			d, ok := decode(b)
			if !ok || d.length != len(b) || !d.sumOK || d.src != laptop[p.v6()] || d.dst != p.dst || d.ttl != p.ttl || d.tos != p.tos {
				t.Errorf("%s: %x: %+v", p.name, b, d)
			}
			if whole && (!sumOK(&d) || len(d.body) != len(p.transport(d.src))) {
				t.Errorf("%s: %x: %d bytes of payload or a wrong checksum", p.name, b, len(d.body))
			}
		}
	}
	if len(names) < 200 {
		t.Errorf("%d probes", len(names))
	}
}

// answerTo makes the answer of a packet from the place of p with one of our own functions.
func answerTo(t *testing.T, p *probe, b []byte) *answer {
	t.Helper()
	d, ok := decode(b)
	key, known := keyOf(&d)
	if !ok || !known || key != p.key {
		t.Fatalf("%s: key %d of %x, %v", p.name, key, b, known)
	}
	return describe(p, laptop[p.v6()], &d, []int{}, b)
}

// TestAnswersFindTheirProbe: replies and errors of both versions are read for what they are.
func TestAnswersFindTheirProbe(t *testing.T) {
	for _, v6 := range []bool{false, true} {
		p := probe{name: "echo", proto: packet.ICMP, dst: places[0].addr(v6), ttl: 3, size: 20, key: 20001}
		var sent packet.Packet
		if r := packet.Parse(p.packets(laptop[v6])[0], &sent); r != packet.OK {
			t.Fatal(r)
		}
		reply := answerTo(t, &p, packet.AppendEchoReply(nil, &sent))
		if reply.kind != "echo reply" || reply.value("payload") != "as sent, 20 bytes" || reply.value("checksum") != "good" || reply.value("identifier") != "0" {
			t.Errorf("%s", reply)
		}
		e := packet.Error{Src: hops[2].addr(v6)}
		e.Type, e.Code = packet.TimeExceeded.TypeCode(v6)
		sent.SetTTL(1)
		b, _ := packet.AppendError(nil, e, &sent)
		expired := answerTo(t, &p, b)
		if expired.kind != "time exceeded" || expired.value("source") != hops[2].addr(v6).String() || expired.value("quoted TTL") != "1" ||
			expired.value("quoted payload") != "as sent, 28 bytes" || expired.value("quoted source") != "the laptop" {
			t.Errorf("%s", expired)
		}
	}
}

// TestComparisonSees: each damage to a packet is a difference, and the message shows both.
func TestComparisonSees(t *testing.T) {
	p := probe{name: "echo", proto: packet.ICMP, dst: server4, ttl: 3, size: 20, key: 20001, want: "time exceeded"}
	var sent packet.Packet
	packet.Parse(p.packets(laptop[false])[0], &sent)
	sent.SetTTL(1)
	good, _ := packet.AppendError(nil, packet.Error{Src: hops[2].v4, Type: 11}, &sent)
	linux := []*answer{answerTo(t, &p, good)}
	if text := unexplained(&p, compareAnswers(&p, linux, linux)); text != "" {
		t.Errorf("the same: %s", text)
	}
	for at, want := range map[int]string{
		1: "TOS", 6: "DF", 8: "TTL", 10: "header checksum", 12: "source", 22: "checksum", 27: "second word",
		29: "quoted TOS", 31: "quoted length", 33: "quoted identification", 36: "quoted TTL", 39: "quoted header checksum",
		40: "quoted source", 44: "quoted destination", 60: "quoted payload",
	} {
		b := slices.Clone(good)
		b[at] ^= 0x40
		text := unexplained(&p, compareAnswers(&p, linux, []*answer{answerTo(t, &p, b)}))
		if !strings.Contains(text, "time exceeded: "+want+": Linux ") || !strings.Contains(text, "\n  Linux:   time exceeded: ") || !strings.Contains(text, "\n  oneping: time exceeded: ") {
			t.Errorf("byte %d: want a difference of %s, got %q", at, want, text)
		}
	}
	for name, r := range map[string]result{
		"oneping is silent": compareAnswers(&p, linux, nil),
		"Linux is silent":   compareAnswers(&p, nil, linux),
		"both are silent":   compareAnswers(&p, nil, nil),
		"oneping twice":     compareAnswers(&p, linux, append(linux, linux...)),
		"both twice":        compareAnswers(&p, append(linux, linux...), append(linux, linux...)),
	} {
		if unexplained(&p, r) == "" {
			t.Errorf("%s: no difference", name)
		}
	}
}
