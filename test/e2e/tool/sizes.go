//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// sweep sends one echo request or UDP datagram of each size, with DF clear and many in flight, and
// checks each answer. Its length says which one it answers.
type sweep struct {
	conn    socket
	peer    net.Addr
	dst     netip.Addr
	icmp    bool
	ident   uint16
	text    []byte // payloads are taken from it
	window  int    // bytes that may be in flight
	wait    time.Duration
	answers chan int // sizes; -1 for what is no answer to any

	queue    []int
	inFlight map[int]time.Time
	bytes    int // in flight, headers and fragments included
	tries    map[int]int
	done     map[int]bool

	wrong, twice int
	again, lost  []int
}

// triesMost is how often a size is asked before it is called lost: a datagram may be lost where a machine is
// busy, one of a size that does not cross is lost each time.
const triesMost = 4

func runSizes(ctx context.Context, flags *flag.FlagSet, args []string) error {
	proto := flags.String("proto", "udp", "udp (an echo server) or icmp")
	spec := flags.String("sizes", "0-1500", "payload sizes: N, FROM-TO, FROM-TO/STEP, separated by commas")
	window := flags.Int("window", 128<<10, "bytes in flight, or one packet")
	wait := flags.Duration("w", 2*time.Second, "how long to wait for an answer before asking again")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	s := &sweep{
		icmp: *proto == "icmp", ident: uint16(os.Getpid()), text: make([]byte, 1<<17), window: *window, wait: *wait,
		answers: make(chan int, 1024), inFlight: map[int]time.Time{}, tries: map[int]int{}, done: map[int]bool{},
	}
	if s.queue, err = parseSizes(*spec); err != nil {
		return err
	}
	random := rand.NewChaCha8([32]byte{})
	_, _ = random.Read(s.text)
	if err := s.open(args[0]); err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { s.conn.Close() })()
	go s.receive()
	total, began := len(s.queue), time.Now()
	if err := s.run(ctx); err != nil {
		return err
	}
	slices.Sort(s.lost)
	slices.Sort(s.again)
	fmt.Printf("%s %s: %d sizes, %d answered, %d lost, %d asked again, %d wrong, %d twice, in %.1f s\n", *proto, args[0],
		total, len(s.done), len(s.lost), len(s.again), s.wrong, s.twice, time.Since(began).Seconds())
	if len(s.again) > 0 {
		fmt.Printf("asked again: %v\n", s.again[:min(len(s.again), 100)])
	}
	if len(s.lost)+s.wrong > 0 || len(s.done) != total {
		return fmt.Errorf("lost: %v", s.lost[:min(len(s.lost), 40)])
	}
	return nil
}

// parseSizes reads sizes, each once and in order.
func parseSizes(spec string) ([]int, error) {
	var sizes []int
	for part := range strings.SplitSeq(spec, ",") {
		span, step, stepped := strings.Cut(part, "/")
		low, high, ranged := strings.Cut(span, "-")
		if !ranged {
			high = low
		}
		if !stepped {
			step = "1"
		}
		from, err1 := strconv.Atoi(low)
		to, err2 := strconv.Atoi(high)
		by, err3 := strconv.Atoi(step)
		if err := errors.Join(err1, err2, err3); err != nil || by < 1 || from < 0 || to > 65527 {
			return nil, fmt.Errorf("sizes %q: want N, FROM-TO or FROM-TO/STEP up to 65527", part)
		}
		for n := from; n <= to; n += by {
			sizes = append(sizes, n)
		}
	}
	slices.Sort(sizes)
	return slices.Compact(sizes), nil
}

// socket is what net's UDP and IP sockets have in common.
type socket interface {
	net.PacketConn
	syscall.Conn
	SetReadBuffer(bytes int) error
}

// open makes a socket that sends with DF clear.
func (s *sweep) open(addr string) (err error) {
	if s.icmp {
		if s.dst, err = netip.ParseAddr(addr); err != nil {
			return err
		}
		s.peer = &net.IPAddr{IP: s.dst.AsSlice()}
		s.conn, err = listenICMP(s.dst.Is6())
	} else {
		var to netip.AddrPort
		if to, err = netip.ParseAddrPort(addr); err != nil {
			return err
		}
		s.dst, s.peer = to.Addr(), net.UDPAddrFromAddrPort(to)
		s.conn, err = net.ListenUDP("udp", nil)
	}
	if err != nil {
		return err
	}
	raw, err := s.conn.SyscallConn()
	if err != nil {
		return err
	}
	var df error
	err = raw.Control(func(fd uintptr) { df = sock.SetDF(int(fd), s.dst.Is6(), false) })
	return errors.Join(err, df, s.conn.SetReadBuffer(8<<20))
}

func (s *sweep) payload(n int) []byte { return s.text[n%509:][:n] }

// cost is what a packet of a size takes of the window: about as much as the kernel charges a socket for it.
func cost(n int) int { return 2048 + n + n/2 }

// run sends every size and waits for its answer.
func (s *sweep) run(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for len(s.queue)+len(s.inFlight) > 0 {
		for len(s.queue) > 0 && (s.bytes == 0 || s.bytes+cost(s.queue[0]) <= s.window) {
			if err := s.sendNext(); err != nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case n := <-s.answers:
			s.answered(n)
		case <-tick.C:
			s.expire(time.Now())
		}
	}
	return nil
}

func (s *sweep) sendNext() error {
	n := s.queue[0]
	s.queue = s.queue[1:]
	if s.done[n] { // its answer came late
		return nil
	}
	b := s.payload(n)
	if s.icmp {
		b = packet.AppendEcho(nil, &packet.Echo{Src: s.dst, Dst: s.dst, Ident: s.ident, Seq: uint16(n), Payload: b})[headerSize(s.dst.Is6()):]
	}
	s.inFlight[n] = time.Now()
	s.bytes += cost(n)
	_, err := s.conn.WriteTo(b, s.peer)
	if errors.Is(err, unix.ENOBUFS) { // as a loss
		return nil
	}
	return err
}

func (s *sweep) answered(n int) {
	switch _, waiting := s.inFlight[n]; {
	case n < 0:
		s.wrong++
	case s.done[n]:
		s.twice++
	default:
		s.done[n] = true
		if waiting {
			delete(s.inFlight, n)
			s.bytes -= cost(n)
		}
	}
}

// expire asks again what has waited too long.
func (s *sweep) expire(now time.Time) {
	for n, sent := range s.inFlight {
		if now.Sub(sent) < s.wait {
			continue
		}
		delete(s.inFlight, n)
		s.bytes -= cost(n)
		if s.tries[n]++; s.tries[n] == triesMost {
			s.lost = append(s.lost, n)
			continue
		}
		s.again = append(s.again, n)
		s.queue = append(s.queue, n)
	}
}

func (s *sweep) receive() {
	buf := make([]byte, 1<<17)
	for {
		n, from, err := s.conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil || addrOf(from) != s.dst {
			continue
		}
		b := buf[:n]
		if s.icmp {
			var ok bool
			if _, b, ok = echoReply(b, s.dst.Is6(), s.ident); !ok {
				continue
			}
		}
		if !bytes.Equal(b, s.payload(len(b))) {
			s.answers <- -1
			continue
		}
		s.answers <- len(b)
	}
}
