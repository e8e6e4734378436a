package connector

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// dgram is a datagram that came back: an event, or a payload.
type dgram struct {
	event   proto.UDPEvent
	payload proto.UDPPayload
	isEvent bool
}

// udpNext returns the next event or payload.
func (s *stage) udpNext(wait time.Duration) (d dgram, err error) {
	b, err := s.next(wait)
	if err != nil {
		return d, err
	}
	if d.isEvent = proto.DatagramType(b[0]) == proto.TypeUDPEvent; d.isEvent {
		return d, proto.ParseUDPEvent(b, &d.event)
	}
	return d, proto.ParseUDPPayload(b, &d.payload)
}

// register sends a registration with a payload.
func (s *stage) register(id proto.SessionID, dst netip.AddrPort, ttl uint8, tag uint16, payload []byte) error {
	r := s.link.Send(link.Interactive, proto.AppendUDPRegistration(nil, &proto.UDPRegistration{
		Session: id, Src: netip.AddrPortFrom(s.client, 5000), Dst: dst, Tag: tag, TTL: ttl, Payload: payload,
	}))
	if r != packet.OK {
		return fmt.Errorf("send: %v", r)
	}
	return nil
}

// say sends a payload of a session.
func (s *stage) say(id proto.SessionID, ttl uint8, tag uint16, df bool, payload []byte) error {
	r := s.link.Send(link.Interactive, proto.AppendUDPPayload(nil, &proto.UDPPayload{Session: id, TTL: ttl, Tag: tag, DF: df, Payload: payload}))
	if r != packet.OK {
		return fmt.Errorf("send: %v", r)
	}
	return nil
}

// expectEvent reads the next event and compares what names it.
func (s *stage) expectEvent(wait time.Duration, e proto.UDPEvent) error {
	d, err := s.udpNext(wait)
	if err != nil {
		return err
	}
	if !d.isEvent {
		return fmt.Errorf("got a payload, want event %+v", e)
	}
	return want("event", d.event, e)
}

// open registers a session with an echo and reads both answers.
func (s *stage) open(id proto.SessionID, dst netip.AddrPort) error {
	if err := s.register(id, dst, 64, 1, []byte("first")); err != nil {
		return err
	}
	if err := s.expectEvent(3*time.Second, proto.UDPEvent{Session: id, Kind: proto.EventRegistered, Tag: 1}); err != nil {
		return err
	}
	d, err := s.udpNext(3 * time.Second)
	if err != nil {
		return err
	}
	return errors.Join(want("payload", string(d.payload.Payload), "first"), want("ttl", d.payload.TTL, 61), want("session", d.payload.Session, id))
}

func playUDP(s *stage) error {
	for _, step := range []struct {
		name string
		play func(*stage) error
	}{
		{"session", udpSession},
		{"sizes", udpSizes},
		{"hops", udpHops},
		{"closed port", udpClosed},
		{"unknown", udpUnknown},
		{"another's session", udpSpoofed},
		{"too big", udpTooBig},
		{"no route", udpNoRoute},
		{"two thousand", udpMany},
	} {
		if err := step.play(s); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

func (s *stage) echo() netip.AddrPort { return netip.AddrPortFrom(s.o, echoPort) }

func udpSession(s *stage) error { return s.open(1, s.echo()) }

func udpSizes(s *stage) error {
	for i, n := range []int{0, 1, 1200, 1500, 9000, 65507} {
		if s.v6 && n == 65507 {
			n = 65487
		}
		payload := bytes.Repeat([]byte{byte(i + 1)}, n)
		if err := s.persistUDP(1, uint16(10+i), payload); err != nil {
			return fmt.Errorf("%d bytes: %w", n, err)
		}
	}
	return nil
}

// persistUDP sends until the echo comes: the narrow link costs the first large packet each way.
func (s *stage) persistUDP(id proto.SessionID, tag uint16, payload []byte) error {
	var last error
	for range 4 {
		if err := s.say(id, 64, tag, false, payload); err != nil {
			return err
		}
		d, err := s.udpNext(time.Second)
		if err == nil && !d.isEvent {
			return errors.Join(want("payload", bytes.Equal(d.payload.Payload, payload), true), want("ttl", d.payload.TTL, 61))
		}
		last = errors.Join(err, want("type", d.event.ICMPType, packet.Type6TooBig))
	}
	return fmt.Errorf("no echo: %w", last)
}

func udpHops(s *stage) error {
	typ, _ := packet.TimeExceeded.TypeCode(s.v6)
	for i, hop := range []struct {
		who netip.Addr
		ttl uint8
	}{{s.c, 64}, {s.r1, 63}, {s.r2, 62}} {
		if err := s.say(1, uint8(i+1), uint16(100+i), false, []byte{byte(i), 1, 2, 3}); err != nil {
			return err
		}
		e := proto.UDPEvent{
			Session: 1, Kind: proto.EventICMP, Tag: uint16(100 + i), ICMPType: typ, TTL: hop.ttl, QuotedTTL: 1, Reporter: hop.who,
		}
		if err := s.expectEvent(3*time.Second, e); err != nil {
			return fmt.Errorf("hop %d: %w", i+1, err)
		}
	}
	return nil
}

func udpClosed(s *stage) error {
	if err := s.register(2, netip.AddrPortFrom(s.o, 9), 64, 1, []byte("anyone?")); err != nil {
		return err
	}
	if err := s.expectEvent(3*time.Second, proto.UDPEvent{Session: 2, Kind: proto.EventRegistered, Tag: 1}); err != nil {
		return err
	}
	typ, code := packet.PortUnreachable.TypeCode(s.v6)
	e := proto.UDPEvent{Session: 2, Kind: proto.EventICMP, Tag: 1, ICMPType: typ, ICMPCode: code, TTL: 61, QuotedTTL: 61, Reporter: s.o}
	return s.expectEvent(3*time.Second, e)
}

func udpUnknown(s *stage) error {
	if err := s.say(404, 64, 9, false, nil); err != nil {
		return err
	}
	return s.expectEvent(3*time.Second, proto.UDPEvent{Session: 404, Kind: proto.EventUnknown, Tag: 9})
}

func udpSpoofed(s *stage) error {
	r := s.link.Send(link.Interactive, proto.AppendUDPRegistration(nil, &proto.UDPRegistration{
		Session: 1, Src: netip.AddrPortFrom(s.addr("100.96.0.9", "fdff::9"), 5000), Dst: s.echo(), TTL: 64, Payload: []byte("mine"),
	}))
	if r != packet.OK {
		return fmt.Errorf("send: %v", r)
	}
	if d, err := s.udpNext(300 * time.Millisecond); err == nil {
		return fmt.Errorf("another's registration was answered: %+v", d)
	}
	return want("spoofed", s.conn.counters.Get(packet.Spoofed), 1)
}

func udpTooBig(s *stage) error {
	head := 28
	if s.v6 {
		head = 48
	}
	typ, code := packet.TooBig.TypeCode(s.v6)
	for _, c := range []struct {
		size   int
		who    netip.Addr
		mtu    uint16
		ttl    uint8
		quoted uint8
	}{{1450, s.r1, 1400, 63, 63}, {1600, s.c, 1500, 64, 64}} {
		if err := s.say(1, 64, uint16(c.size), true, make([]byte, c.size-head)); err != nil {
			return err
		}
		e := proto.UDPEvent{
			Session: 1, Kind: proto.EventICMP, Tag: uint16(c.size), ICMPType: typ, ICMPCode: code, MTU: c.mtu, TTL: c.ttl, QuotedTTL: c.quoted, Reporter: c.who,
		}
		if err := s.expectEvent(3*time.Second, e); err != nil {
			return err
		}
	}
	return nil
}

func udpNoRoute(s *stage) error {
	dst := s.addr("192.0.2.1", "2001:db8::1")
	if err := s.register(3, netip.AddrPortFrom(dst, 9), 64, 1, nil); err != nil {
		return err
	}
	d, err := s.udpNext(3 * time.Second)
	if err != nil {
		return err
	}
	typ, code := packet.NetUnreachable.TypeCode(s.v6)
	return errors.Join(want("type", d.event.ICMPType, typ), want("code", d.event.ICMPCode, code), want("kind", d.event.Kind, proto.EventICMP))
}

// udpMany opens two thousand sessions at once.
func udpMany(s *stage) error {
	const n = 2000
	missing := make(map[proto.SessionID]bool, n)
	for i := range n {
		id := proto.SessionID(10_000 + i)
		missing[id] = true
		if err := s.register(id, s.echo(), 64, 1, []byte("many")); err != nil {
			return err
		}
		if i%50 != 49 {
			continue
		}
		for len(missing) > 0 {
			d, err := s.udpNext(3 * time.Second)
			if err != nil {
				return fmt.Errorf("%d of %d missing: %w", len(missing), i+1, err)
			}
			if !d.isEvent {
				delete(missing, d.payload.Session)
			}
		}
	}
	return want("sessions", s.conn.dispatch.udp.Len() >= n, true)
}
