package probe

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// echoes sends echo requests by one ping socket, or by a raw one.
type echoes struct {
	*kernel
	sock.Socket
	raw   bool
	ident uint16 // of a raw socket; a ping socket's is the kernel's business
	ttl   uint8  // the host's own
}

// openICMP opens a ping socket, or a raw one where those are closed.
func openICMP(k *kernel) (*echoes, error) {
	s := &echoes{kernel: k}
	s.V6 = k.Dst.Is6()
	proto := unix.IPPROTO_ICMP
	if s.V6 {
		proto = unix.IPPROTO_ICMPV6
	}
	if err := k.learnSource(); err != nil {
		return nil, err
	}
	if err := s.openSocket(proto); err != nil {
		return nil, err
	}
	var err error
	if s.ttl, err = sock.TTL(s.FD, s.V6); err != nil {
		_ = unix.Close(s.FD)
		return nil, fmt.Errorf("find own ttl: %w", err)
	}
	return s, nil
}

// openSocket opens a ping socket, or else a raw one.
func (s *echoes) openSocket(proto int) error {
	var err error
	if s.FD, err = s.kind(unix.SOCK_DGRAM, proto); !errors.Is(err, os.ErrPermission) {
		return err
	}
	raw, rawErr := s.kind(unix.SOCK_RAW, proto)
	if errors.Is(rawErr, os.ErrPermission) {
		return closedPing(err)
	}
	s.FD, s.raw, s.ident = raw, true, uint16(rand.Uint32())
	return rawErr
}

// Send sends an echo request.
func (s *echoes) Send(p Packet) error {
	m := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: int(s.ident), Seq: int(p.Seq), Data: p.Payload}}
	if s.V6 {
		m.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := m.Marshal(nil) // the kernel makes IPv6's checksum
	if err != nil {
		return err
	}
	ttl := p.TTL
	if ttl == 0 {
		ttl = s.ttl
	}
	err = s.Transmit(s.m, b, sock.Send{Dst: netip.AddrPortFrom(s.Dst, 0), TTL: ttl, TOS: s.Class}, s)
	if err == unix.EMSGSIZE {
		s.hear(Answer{Kind: TooLong, Seq: p.Seq, Info: s.MTU()}, unix.Timespec{})
		return nil
	}
	if err != nil {
		return sendError(err)
	}
	return nil
}

// Failed takes one entry of the error queue: it quotes our request from the ICMP header on.
func (s *echoes) Failed(e sock.QueuedError) {
	request := byte(ipv4.ICMPTypeEcho)
	if s.V6 {
		request = byte(ipv6.ICMPTypeEchoRequest)
	}
	if len(e.Data) >= 8 && e.Data[0] == request && s.ours(e.Data) {
		s.hearError(binary.BigEndian.Uint16(e.Data[6:]), &e)
	}
}

// ours says whether an ICMP message has our identifier.
func (s *echoes) ours(b []byte) bool { return !s.raw || binary.BigEndian.Uint16(b[4:]) == s.ident }

// Receive waits for replies and errors.
func (s *echoes) Receive(until time.Time) ([]Answer, error) {
	s.begin()
	s.await(s.FD, unix.POLLIN)
	if err := s.ready(until); err != nil {
		return nil, err
	}
	if s.poll[1].Revents != 0 {
		s.Drain(s.m, s)
		for s.receive() == nil {
		}
	}
	return s.fetch(), nil
}

// receive takes one message off the socket; an error that is pending there counts as one.
func (s *echoes) receive() error {
	var r sock.Received
	err := s.m.Receive(s.FD, 0, &r)
	if err != nil {
		if err != unix.EAGAIN && err != unix.EINTR {
			return nil // the error that was pending is gone now
		}
		return err
	}
	b := r.Data
	if s.raw && !s.V6 && len(b) > 0 { // with its IP header
		b = b[min(len(b), int(b[0]&15)*4):]
	}
	reply := byte(ipv4.ICMPTypeEchoReply)
	if s.V6 {
		reply = byte(ipv6.ICMPTypeEchoReply)
	}
	if len(b) >= 8 && b[0] == reply && s.ours(b) {
		s.hear(Answer{
			Seq: binary.BigEndian.Uint16(b[6:]), From: r.From.Addr(), TTL: r.TTL, Data: append([]byte(nil), b[8:]...),
		}, r.Stamp)
	}
	return nil
}

// Forget has nothing to free.
func (s *echoes) Forget(uint16) {}

// Close frees the socket.
func (s *echoes) Close() error {
	err := unix.Close(s.FD)
	return errors.Join(err, s.kernel.Close())
}
