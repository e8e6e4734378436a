package probe

import (
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// connections sends SYNs: each is a connect that does not block. What the destination says, SYN-ACK or
// RST, ends it; nothing is said on the connection, and it is reset.
type connections struct {
	*kernel
	open map[uint16]int // descriptors
}

func openTCP(k *kernel) (*connections, error) {
	return &connections{kernel: k, open: make(map[uint16]int)}, k.learnSource()
}

// Send begins a connection.
func (s *connections) Send(p Packet) error {
	v6 := s.Dst.Is6()
	fd, err := s.kind(unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	err = sock.SetTTL(fd, v6, p.TTL)
	if err == nil && s.Class != 0 {
		err = sock.SetTOS(fd, v6, s.Class)
	}
	if err == nil {
		err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	if err != nil {
		_ = unix.Close(fd)
		return fmt.Errorf("set socket option: %w", err)
	}
	s.open[p.Seq] = fd
	switch err := unix.Connect(fd, sock.Sockaddr(netip.AddrPortFrom(s.Dst, p.Port))); err {
	case nil, unix.EINPROGRESS, unix.ECONNREFUSED: // of this very host: Receive will say so
		return nil
	case unix.EAGAIN, unix.ENOBUFS, unix.ENOMEM:
		s.Forget(p.Seq)
		return ErrBusy
	default:
		s.Forget(p.Seq)
		return s.noWay(err)
	}
}

// Receive waits for connections that are made, refused or reported about.
func (s *connections) Receive(until time.Time) ([]Answer, error) {
	s.begin()
	seqs := []uint16{0} // of s.poll; the first is the wake-up
	for seq, fd := range s.open {
		s.await(fd, unix.POLLOUT)
		seqs = append(seqs, seq)
	}
	if err := s.ready(until); err != nil {
		return nil, err
	}
	for i, p := range s.poll[1:] {
		if p.Revents != 0 {
			s.finish(seqs[i+1])
		}
	}
	return s.fetch(), nil
}

// finish says how one connection went.
func (s *connections) finish(seq uint16) {
	fd := s.open[seq]
	var e sock.QueuedError
	if s.m.ReadError(fd, &e) == nil {
		s.hearError(seq, &e)
		s.Forget(seq)
		return
	}
	switch sock.ClearError(fd) {
	case 0, unix.ECONNREFUSED:
		s.hear(Answer{Seq: seq, From: s.Dst}, unix.Timespec{})
	}
	s.Forget(seq) // else it has ended without a word, by a time-out
}

// Forget closes the socket of a packet.
func (s *connections) Forget(seq uint16) {
	if fd, ok := s.open[seq]; ok {
		delete(s.open, seq)
		_ = unix.Close(fd)
	}
}

// Close frees the sockets.
func (s *connections) Close() error {
	for seq := range s.open {
		s.Forget(seq)
	}
	return s.kernel.Close()
}
