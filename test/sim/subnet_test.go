package sim

import (
	"bytes"
	"context"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// subnet is what lies behind the connector: hosts that answer after a millisecond. What
// the connector's own machine is made of (connector.System) stands in kernel_test.go.
type subnet struct {
	prefix netip.Prefix
	own    netip.Addr // the connector's address in it

	there, home wire

	mu    sync.Mutex
	hosts map[netip.Addr]host
	taps  map[chan []byte]struct{} // who receives what comes back
	seen  []packet.Packet          // what reached a host
}

// wire delivers each frame when it is due, and those of one time in the order in which they came.
type wire struct {
	wg     sync.WaitGroup
	mu     sync.Mutex
	frames []frame // the next one first
}

type frame struct {
	due time.Time
	b   []byte
}

// carry delivers b after that long.
func (w *wire) carry(b []byte, after time.Duration, deliver func([]byte)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := frame{time.Now().Add(after), b}
	i := len(w.frames)
	for i > 0 && w.frames[i-1].due.After(f.due) {
		i--
	}
	w.frames = slices.Insert(w.frames, i, f)
	w.wg.Add(1)
	time.AfterFunc(after, func() {
		defer w.wg.Done()
		w.mu.Lock()
		defer w.mu.Unlock()
		next := w.frames[0] // due, whichever timer this is
		w.frames = w.frames[1:]
		deliver(next.b)
	})
}

// host returns what it answers to a packet, and after how long.
type host func(p *packet.Packet) (answer []byte, after time.Duration)

func newSubnet(prefix, own string) *subnet {
	return &subnet{
		prefix: netip.MustParsePrefix(prefix), own: netip.MustParseAddr(own),
		hosts: make(map[netip.Addr]host), taps: make(map[chan []byte]struct{}),
	}
}

// plainHost answers echo, echoes UDP on port 7 and refuses other ports.
func plainHost(p *packet.Packet) ([]byte, time.Duration) {
	switch {
	case p.IsEchoRequest():
		return packet.AppendEchoReply(nil, p), 0
	case p.Class == packet.ClassUDP && p.DstPort == 7:
		return packet.AppendUDP(nil, &packet.UDPPacket{Src: p.DstAddrPort(), Dst: p.SrcAddrPort(), Payload: p.Payload()}), 0
	case p.Class == packet.ClassUDP:
		typ, code := packet.PortUnreachable.TypeCode(p.V6)
		b, _ := packet.AppendError(nil, packet.Error{Src: p.Dst, Type: typ, Code: code}, p)
		return b, 0
	}
	return nil, 0
}

// send sends one packet of the connector's machine.
func (s *subnet) send(b []byte) { s.there.carry(bytes.Clone(b), time.Millisecond, s.arrive) }

// arrive hands a packet to its host, if there is one.
func (s *subnet) arrive(b []byte) {
	var p packet.Packet
	if packet.Parse(b, &p) != packet.OK {
		return
	}
	s.mu.Lock()
	s.seen = append(s.seen, p)
	h := s.hosts[p.Dst]
	s.mu.Unlock()
	if h == nil {
		return
	}
	if answer, after := h(&p); answer != nil {
		s.back(answer, after+time.Millisecond)
	}
}

// back sends a packet to the connector's host.
func (s *subnet) back(b []byte, after time.Duration) {
	s.home.carry(b, after, func(b []byte) {
		s.mu.Lock()
		defer s.mu.Unlock()
		for tap := range s.taps {
			select {
			case tap <- b:
			default: // a full socket buffer
			}
		}
	})
}

// wait waits until both wires are empty.
func (s *subnet) wait() {
	s.there.wg.Wait()
	s.home.wg.Wait()
}

// receive calls f with each packet that arrives for the connector's machine, one at a time, until
// ctx ends. Every caller gets every packet. Never nil.
func (s *subnet) receive(ctx context.Context, f func(b []byte)) error {
	tap := make(chan []byte, 1024)
	s.mu.Lock()
	s.taps[tap] = struct{}{}
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.taps, tap)
	}()
	for {
		select {
		case b := <-tap:
			f(b)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// set makes h the host at an address; nil takes it away.
func (s *subnet) set(addr netip.Addr, h host) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.hosts[addr] = h
}

// reached returns what has reached hosts, and forgets it.
func (s *subnet) reached() []packet.Packet {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen := s.seen
	s.seen = nil
	return seen
}
