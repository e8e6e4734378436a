package connector

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"syscall"
	"time"

	"go.uber.org/zap"

	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/node/nodetest"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

var scenes = map[string]func() error{
	"origin": serveOrigin,
	"ping":   scene(icmp.Ping, false, playICMP), "ping6": scene(icmp.Ping, true, playICMP),
	"raw": scene(icmp.Raw, false, playICMP), "raw6": scene(icmp.Raw, true, playICMP),
	"udp": scene(icmp.Auto, false, playUDP), "udp6": scene(icmp.Auto, true, playUDP),
	"tcp": scene(icmp.Auto, false, playTCP), "tcp6": scene(icmp.Auto, true, playTCP),
}

const echoPort = 7

// serveOrigin echoes UDP and TCP until it is killed.
func serveOrigin() error {
	pc, err := net.ListenPacket("udp", fmt.Sprintf(":%d", echoPort))
	if err != nil {
		return err
	}
	ln, err := net.Listen("tcp", fmt.Sprintf(":%d", echoPort))
	if err != nil {
		return err
	}
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := pc.ReadFrom(buf)
			if err != nil {
				continue
			}
			_, _ = pc.WriteTo(buf[:n], from)
		}
	}()
	fmt.Println("ready")
	for {
		c, err := ln.Accept()
		if err != nil {
			return err
		}
		go func() {
			defer c.Close()
			_, _ = io.Copy(c, c)
		}()
	}
}

// stage is a connector with an edge of the test's own.
type stage struct {
	v6      bool
	ctx     context.Context
	conn    *Connector
	link    *link.Link
	in      chan []byte
	client  netip.Addr
	c, r1   netip.Addr // this host and the routers as they answer it
	r2, o   netip.Addr
	stopped chan error
}

func (s *stage) addr(v4, v6 string) netip.Addr {
	if s.v6 {
		return netip.MustParseAddr(v6)
	}
	return netip.MustParseAddr(v4)
}

// scene runs play against a connector that has no privilege, but for raw sockets.
func scene(mode icmp.Mode, v6 bool, play func(*stage) error) func() error {
	return func() error {
		if mode != icmp.Raw {
			if err := errors.Join(syscall.Setgroups(nil), syscall.Setgid(65534), syscall.Setuid(65534)); err != nil {
				return err
			}
		}
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		s := &stage{v6: v6, ctx: ctx, in: make(chan []byte, 4096), stopped: make(chan error, 2)}
		s.client = s.addr("100.96.0.1", "fdff::1")
		s.c, s.r1 = s.addr("10.77.1.1", "fd77:1::1"), s.addr("10.77.1.2", "fd77:1::2")
		s.r2, s.o = s.addr("10.77.2.2", "fd77:2::2"), s.addr("10.77.3.2", "fd77:3::2")
		if err := s.start(mode); err != nil {
			return err
		}
		err := play(s)
		cancel()
		<-s.stopped
		<-s.stopped
		if err != nil {
			err = fmt.Errorf("%w\ncounters: %v", err, s.conn.counters.Snapshot())
		}
		return err
	}
}

// start runs edge and connector and waits for the link.
func (s *stage) start(mode icmp.Mode) error {
	ca, err := nodetest.NewAuthority()
	if err != nil {
		return err
	}
	conf, err := ca.TLS(proto.Identity{Role: proto.RoleEdge, ID: "e"})
	if err != nil {
		return err
	}
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: conf})
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "oneping-scene-")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	n, err := ca.Node(dir, proto.Identity{Role: proto.RoleConnector, Tunnel: "t", ID: "c"}, ln.Addr().String())
	if err != nil {
		return err
	}
	if s.conn, err = New(Config{Node: n, ICMP: mode, Log: zap.NewExample()}); err != nil {
		return err
	}
	go func() { s.stopped <- s.conn.Run(s.ctx) }()
	if s.link, err = ln.Accept(s.ctx); err != nil {
		return err
	}
	go func() {
		defer ln.Close()
		s.stopped <- s.link.Run(s.ctx, link.Handler{Datagram: s.take, Control: s.greet})
	}()
	select {
	case <-s.conn.Ready():
		return nil
	case <-time.After(10 * time.Second):
		return errors.New("no link")
	}
}

func (s *stage) take(_ *link.Link, d []byte) packet.Reason {
	select {
	case s.in <- append([]byte(nil), d...):
		return packet.OK
	default:
		return packet.QueueFull
	}
}

func (s *stage) greet(l *link.Link, m proto.Control) error {
	if m.Hello == nil {
		return nil
	}
	return l.SendControl(&proto.Control{Welcome: &proto.Welcome{Edge: "test"}})
}

// next returns the next datagram.
func (s *stage) next(wait time.Duration) ([]byte, error) {
	select {
	case d := <-s.in:
		return d, nil
	case <-time.After(wait):
		return nil, os.ErrDeadlineExceeded
	}
}

// want compares and names the difference.
func want[T comparable](what string, got, want T) error {
	if got != want {
		return fmt.Errorf("%s: got %v, want %v", what, got, want)
	}
	return nil
}
