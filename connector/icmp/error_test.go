package icmp

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

func TestErrorsQuoteTheClientsPacket(t *testing.T) {
	long := bytes.Repeat([]byte("0123456789"), 120)
	for name, c := range map[string]struct {
		v6              bool
		from            netip.Addr
		typ, code       uint8
		ttl             uint8 // of the error
		info            uint32
		quoted          int // bytes of our ICMP message that the reporter quotes
		wantTTL, wantIn uint8
		wantMTU         uint32
		wantQuote       int // bytes of payload behind the ICMP header
	}{
		"time exceeded": {from: router4, typ: 11, ttl: 62, quoted: 8, wantTTL: 61, wantIn: 1, wantQuote: headSize - 28},
		"time exceeded, all quoted": {
			from: router4, typ: 11, ttl: 62, quoted: 2000, wantTTL: 61, wantIn: 1, wantQuote: 576 - 28 - 28,
		},
		"too big":      {from: router4, typ: 3, code: 4, ttl: 63, info: 1400, quoted: 8, wantTTL: 62, wantIn: 60, wantMTU: 1400, wantQuote: headSize - 28},
		"prohibited":   {from: router4, typ: 3, code: 13, ttl: 253, quoted: 8, wantTTL: 252, wantIn: 58, wantQuote: headSize - 28},
		"by ourselves": {from: self4, typ: 3, code: 1, ttl: 64, quoted: 8, wantTTL: 64, wantIn: 61, wantQuote: headSize - 28},
		"time exceeded, IPv6": {
			v6: true, from: router6, typ: 3, ttl: 62, quoted: 2000, wantTTL: 61, wantIn: 1, wantQuote: 1280 - 48 - 48,
		},
		"too big, IPv6": {v6: true, from: router6, typ: 2, ttl: 64, info: 1300, quoted: 8, wantTTL: 63, wantIn: 61, wantMTU: 1300, wantQuote: headSize - 48},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{})
			e := packet.Echo{Src: alice4, Dst: server4, Ident: 0x1234, Seq: 5, TTL: 62, TOS: 0x20, ID: 77, DF: true, Payload: long}
			if c.v6 {
				e.Src, e.Dst = alice6, server6
			}
			if _, other := b.ask(packet.Echo{Src: e.Src.Next(), Dst: e.Dst, Ident: 0x1234}); other.Ident != 0x1234 { // takes it away
				t.Fatal("identifier")
			}
			sent, out := b.ask(e)
			q := icmpOf(sent, out)
			failed, ok := errorAbout(c.v6, q[:min(c.quoted, len(q))])
			if !ok {
				t.Fatal("errorAbout")
			}
			failed.dst, failed.Error = e.Dst, packet.Error{Src: c.from, Type: c.typ, Code: c.code, TTL: c.ttl, MTU: c.info, Pointer: c.info}
			b.fail(&failed)
			p := b.took()
			if p.Src != c.from || p.Dst != e.Src || p.Type != c.typ || p.Code != c.code || p.TTL != c.wantTTL || p.MTU() != c.wantMTU {
				t.Errorf("error %+v", p)
			}
			sent.SetTTL(c.wantIn)
			want := sent.Raw[:sent.Hdr+8+c.wantQuote]
			if got := p.Transport()[8:]; !bytes.Equal(got, want) {
				t.Errorf("quote:\ngot  %d bytes %x\nwant %d bytes %x", len(got), got, len(want), want)
			}
		})
	}
}

func TestParameterProblem(t *testing.T) {
	b := newBench(t, Config{})
	sent, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7})
	e, _ := errorAbout(false, icmpOf(sent, out))
	e.dst, e.Error = server4, packet.Error{Src: router4, Type: packet.TypeParamProblem, TTL: 64, Pointer: 20}
	b.fail(&e)
	if p := b.took(); p.Type != packet.TypeParamProblem || p.Transport()[4] != 20 {
		t.Errorf("got %x, want pointer 20", p.Transport()[:8])
	}
}

func TestErrorsThatNobodyAskedFor(t *testing.T) {
	b := newBench(t, Config{})
	sent, out := b.ask(packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, Payload: []byte("mine")})
	for name, change := range map[string]func(e *icmpError){
		"destination": func(e *icmpError) { e.dst = router4 },
		"sequence":    func(e *icmpError) { e.seq++ },
		"identifier":  func(e *icmpError) { e.Ident++ },
		"payload":     func(e *icmpError) { e.quoted = append(append([]byte(nil), e.quoted[:8]...), "other"...) },
	} {
		e, _ := errorAbout(false, icmpOf(sent, out))
		e.dst, e.Error = server4, packet.Error{Src: router4, Type: packet.TypeTimeExceeded, TTL: 64}
		change(&e)
		b.fail(&e)
		if len(b.back) != 0 {
			t.Errorf("another %s: delivered", name)
			b.back = nil
		}
	}
	if got := b.counters.Get(packet.Unsolicited); got != 4 {
		t.Errorf("unsolicited %d, want 4", got)
	}
	for _, q := range [][]byte{nil, {8}, {0, 0, 0, 0, 0, 7, 0, 1}} { // too short, no request
		if _, ok := errorAbout(false, q); ok {
			t.Errorf("%x is about a request", q)
		}
	}
}
