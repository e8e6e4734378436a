package connector

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// ask sends an echo request as the edge passes it on.
func (s *stage) ask(e packet.Echo) ([]byte, error) {
	if !e.Src.IsValid() {
		e.Src = s.client
	}
	p := packet.AppendEcho(nil, &e)
	if s.v6 && !e.DF { // an atomic fragment: its sender let it be fragmented
		p = append(append(append([]byte(nil), p[:40]...), packet.ICMPv6, 0, 0, 0, 0, 0, 0, 1), p[40:]...)
		p[6] = 44
		binary.BigEndian.PutUint16(p[4:], uint16(len(p)-40))
	}
	if r := s.link.Send(link.Urgent, proto.AppendPacket(nil, p)); r != packet.OK {
		return nil, fmt.Errorf("send: %v", r)
	}
	return p, nil
}

// answer returns the next packet that comes back.
func (s *stage) answer(wait time.Duration) (packet.Packet, error) {
	d, err := s.next(wait)
	if err != nil {
		return packet.Packet{}, err
	}
	b, err := proto.ParsePacket(d)
	if err != nil {
		return packet.Packet{}, err
	}
	var p packet.Packet
	if r := packet.Parse(b, &p); r != packet.OK {
		return p, fmt.Errorf("parse %x: %v", b, r)
	}
	if !p.TransportOK() {
		return p, fmt.Errorf("checksum of %x", b)
	}
	return p, nil
}

func playICMP(s *stage) error {
	for _, step := range []struct {
		name string
		play func(*stage) error
	}{
		{"hops", icmpHops},
		{"reply", icmpReply},
		{"sizes", icmpSizes},
		{"burst", icmpBurst},
		{"same identifier", icmpTwoClients},
		{"too big", icmpTooBig},
		{"own address", icmpOwn},
		{"no route", icmpNoRoute},
		{"forbidden", icmpForbidden},
		{"dead neighbour", icmpDead},
	} {
		if err := step.play(s); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// icmpHops: TTL 1 ends here, 2 and 3 in the routers, and each error quotes the client's own packet.
func icmpHops(s *stage) error {
	for i, hop := range []struct {
		who netip.Addr
		ttl uint8
	}{{s.c, 64}, {s.r1, 63}, {s.r2, 62}} {
		sent, err := s.ask(packet.Echo{Dst: s.o, Ident: 4711, Seq: uint16(i), TTL: uint8(i + 1), TOS: 0x48, ID: 99, Payload: []byte("hello, world")})
		if err != nil {
			return err
		}
		p, err := s.answer(3 * time.Second)
		if err != nil {
			return fmt.Errorf("hop %d: %w", i+1, err)
		}
		typ, code := packet.TimeExceeded.TypeCode(s.v6)
		if err := errors.Join(
			want("reporter", p.Src, hop.who), want("type", p.Type, typ), want("code", p.Code, code),
			want("ttl", p.TTL, hop.ttl), want("to", p.Dst, s.client), quotes(&p, sent, 1),
		); err != nil {
			return fmt.Errorf("hop %d: %w", i+1, err)
		}
	}
	return nil
}

// quotes checks that p quotes sent as its reporter saw it, with ttl in it.
func quotes(p *packet.Packet, sent []byte, ttl uint8) error {
	var q packet.Packet
	if r := packet.Parse(append([]byte(nil), sent...), &q); r != packet.OK {
		return fmt.Errorf("parse own packet: %v", r)
	}
	q.SetTTL(ttl)
	quote := p.Transport()[8:]
	if n := min(len(quote), len(q.Raw)); !bytes.Equal(quote[:n], q.Raw[:n]) || n < 28 {
		return fmt.Errorf("quote:\ngot  %x\nwant %x", quote, q.Raw)
	}
	return nil
}

func icmpReply(s *stage) error {
	payload := []byte("how far are you?")
	if _, err := s.ask(packet.Echo{Dst: s.o, Ident: 4711, Seq: 7, TTL: 4, Payload: payload}); err != nil {
		return err
	}
	p, err := s.answer(3 * time.Second)
	if err != nil {
		return err
	}
	return errors.Join(
		want("echo reply", p.IsEchoReply(), true), want("from", p.Src, s.o), want("to", p.Dst, s.client), want("ttl", p.TTL, 61),
		want("ident", p.Ident, 4711), want("seq", p.Seq, 7), want("payload", string(p.Payload()), string(payload)),
	)
}

func icmpSizes(s *stage) error {
	sizes := []int{0, 1, 1400, 8000, 65507}
	if s.v6 {
		sizes[4] = 65479 // what an IPv6 packet without jumbo option holds
	}
	for i, n := range sizes {
		payload := bytes.Repeat([]byte{byte(i + 1)}, n)
		p, err := s.persist(packet.Echo{Dst: s.o, Ident: 4712, Seq: uint16(i), Payload: payload})
		if err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
		if err := errors.Join(want("ttl", p.TTL, 61), want("payload", bytes.Equal(p.Payload(), payload), true)); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
	}
	return nil
}

// persist asks until there is a reply: the narrow link costs the first large IPv6 packet each way.
func (s *stage) persist(e packet.Echo) (p packet.Packet, err error) {
	for range 3 {
		if _, err = s.ask(e); err != nil {
			return p, err
		}
		if p, err = s.answer(time.Second); err == nil && p.IsEchoReply() {
			return p, nil
		}
	}
	return p, errors.Join(errors.New("no reply"), err)
}

// icmpBurst is traceroute: sixteen probes at once, each with its own TTL.
func icmpBurst(s *stage) error {
	for round := range 20 {
		for i := range 16 {
			if _, err := s.ask(packet.Echo{Dst: s.o, Ident: 4713, Seq: uint16(round*16 + i), TTL: uint8(i/3 + 1), Payload: make([]byte, 32)}); err != nil {
				return err
			}
		}
		for range 16 {
			p, err := s.answer(3 * time.Second)
			if err != nil {
				return fmt.Errorf("round %d: a star: %w", round, err)
			}
			seq, from := p.Seq, p.Src
			if !p.IsEchoReply() {
				var q packet.Packet
				if !p.Quoted(&q) {
					return errors.New("no quote")
				}
				seq = q.Seq
			}
			hop := []netip.Addr{s.c, s.r1, s.r2, s.o, s.o, s.o}[int(seq)%16/3]
			if err := want(fmt.Sprint("seq ", seq), from, hop); err != nil {
				return err
			}
		}
	}
	return nil
}

// icmpTwoClients: the same identifier and sequence from two clients.
func icmpTwoClients(s *stage) error {
	other := s.addr("100.96.0.2", "fdff::2")
	for i := range 1000 {
		for _, src := range []netip.Addr{s.client, other} {
			if _, err := s.ask(packet.Echo{Src: src, Dst: s.o, Ident: 4714, Seq: uint16(i), Payload: []byte(src.String())}); err != nil {
				return err
			}
		}
		for range 2 {
			p, err := s.answer(3 * time.Second)
			if err != nil {
				return fmt.Errorf("round %d: %w", i, err)
			}
			if err := errors.Join(want("payload", string(p.Payload()), p.Dst.String()), want("seq", p.Seq, uint16(i)), want("ident", p.Ident, 4714)); err != nil {
				return err
			}
		}
	}
	return nil
}

// icmpTooBig: the narrow link of r1, and our own.
func icmpTooBig(s *stage) error {
	head := 28
	if s.v6 {
		head = 48
	}
	typ, code := packet.TooBig.TypeCode(s.v6)
	for _, c := range []struct {
		size int
		who  netip.Addr
		mtu  uint32
	}{{1450, s.r1, 1400}, {1600, s.c, 1500}} {
		sent, err := s.ask(packet.Echo{Dst: s.o, Ident: 4715, Seq: uint16(c.size), DF: true, Payload: make([]byte, c.size-head)})
		if err != nil {
			return err
		}
		p, err := s.answer(3 * time.Second)
		if err != nil {
			return err
		}
		if err := errors.Join(want("type", p.Type, typ), want("code", p.Code, code), want("mtu", p.MTU(), c.mtu), want("from", p.Src, c.who)); err != nil {
			return err
		}
		ttl := uint8(63) // as r1 got it
		if c.who == s.c {
			ttl = 64
		}
		if err := quotes(&p, sent, ttl); err != nil {
			return err
		}
	}
	return nil
}

// icmpOwn: a packet for this host is delivered whatever its TTL, and answered as from the first
// router on.
func icmpOwn(s *stage) error {
	if _, err := s.ask(packet.Echo{Dst: s.c, Ident: 4716, TTL: 1, Payload: []byte("you")}); err != nil {
		return err
	}
	p, err := s.answer(3 * time.Second)
	if err != nil {
		return err
	}
	return errors.Join(want("from", p.Src, s.c), want("reply", p.IsEchoReply(), true), want("ttl", p.TTL, 64))
}

func icmpNoRoute(s *stage) error {
	dst := s.addr("192.0.2.1", "2001:db8::1")
	for _, ttl := range []uint8{1, 9} {
		if _, err := s.ask(packet.Echo{Dst: dst, Ident: 4717, Seq: uint16(ttl), TTL: ttl}); err != nil {
			return err
		}
		p, err := s.answer(3 * time.Second)
		if err != nil {
			return err
		}
		typ, code := packet.NetUnreachable.TypeCode(s.v6)
		if err := errors.Join(want("type", p.Type, typ), want("code", p.Code, code), want("ttl", p.TTL, 64)); err != nil {
			return err
		}
	}
	return nil
}

func icmpForbidden(s *stage) error {
	dst := s.addr("127.0.0.1", "::1")
	if _, err := s.ask(packet.Echo{Dst: dst, Ident: 4718}); err != nil {
		return err
	}
	p, err := s.answer(3 * time.Second)
	if err != nil {
		return err
	}
	typ, code := packet.AdminProhibited.TypeCode(s.v6)
	return errors.Join(want("type", p.Type, typ), want("code", p.Code, code))
}

// icmpDead: nobody at that address; this host says so after its ARP has failed.
func icmpDead(s *stage) error {
	dst := s.addr("10.77.1.99", "fd77:1::99")
	sent, err := s.ask(packet.Echo{Dst: dst, Ident: 4719, TTL: 9, Payload: []byte("anyone?")})
	if err != nil {
		return err
	}
	p, err := s.answer(5 * time.Second)
	if err != nil {
		return err
	}
	typ, code := packet.HostUnreachable.TypeCode(s.v6)
	return errors.Join(
		want("type", p.Type, typ), want("code", p.Code, code), want("from", p.Src, s.c), want("ttl", p.TTL, 64), quotes(&p, sent, 8),
	)
}
