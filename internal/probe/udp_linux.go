package probe

import (
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// datagrams sends UDP, each packet by a socket of its own: the port of that socket tells apart what is
// said about packets to one port, and how many wait is the ladder's bound.
type datagrams struct {
	*kernel
	open map[uint16]*sock.Socket
}

func openUDP(k *kernel) (*datagrams, error) {
	return &datagrams{kernel: k, open: make(map[uint16]*sock.Socket)}, k.learnSource()
}

// socket returns a UDP socket to a port of the destination.
func (s *datagrams) socket(port uint16) (int, error) {
	fd, err := s.kind(unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		return -1, err
	}
	if err := s.connect(fd, port); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// Send sends one datagram.
func (s *datagrams) Send(p Packet) error {
	fd, err := s.socket(p.Port)
	if err != nil {
		return err
	}
	k := &sock.Socket{FD: fd, V6: s.Dst.Is6()}
	s.open[p.Seq] = k
	err = k.Transmit(s.m, p.Payload, sock.Send{TTL: p.TTL, TOS: s.Class}, &about{s.kernel, p.Seq})
	if err == unix.EMSGSIZE {
		s.hear(Answer{Kind: TooLong, Seq: p.Seq, Info: k.MTU()}, unix.Timespec{})
		return nil
	}
	if err != nil {
		s.Forget(p.Seq)
		return sendError(err)
	}
	return nil
}

// about takes the errors of a socket that has sent one packet.
type about struct {
	*kernel
	seq uint16
}

// Failed takes one entry of the error queue.
func (a *about) Failed(e sock.QueuedError) { a.hearError(a.seq, &e) }

// Receive waits for datagrams and errors.
func (s *datagrams) Receive(until time.Time) ([]Answer, error) {
	s.begin()
	seqs := []uint16{0} // of s.poll; the first is the wake-up
	for seq, k := range s.open {
		s.await(k.FD, unix.POLLIN)
		seqs = append(seqs, seq)
	}
	if err := s.ready(until); err != nil {
		return nil, err
	}
	for i, p := range s.poll[1:] {
		if p.Revents != 0 {
			s.receive(seqs[i+1])
		}
	}
	return s.fetch(), nil
}

// receive reads what has come for one packet.
func (s *datagrams) receive(seq uint16) {
	k := s.open[seq]
	k.Drain(s.m, &about{s.kernel, seq})
	var r sock.Received
	for range 2 { // one may be the pending error
		if err := s.m.Receive(k.FD, 0, &r); err == nil {
			s.hear(Answer{Seq: seq, From: s.Dst, TTL: r.TTL}, r.Stamp)
			return
		}
	}
}

// Forget closes the socket of a packet.
func (s *datagrams) Forget(seq uint16) {
	if k, ok := s.open[seq]; ok {
		delete(s.open, seq)
		_ = unix.Close(k.FD)
	}
}

// Close frees the sockets.
func (s *datagrams) Close() error {
	for seq := range s.open {
		s.Forget(seq)
	}
	return s.kernel.Close()
}
