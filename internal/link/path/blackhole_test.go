package path_test

import (
	"context"
	"crypto/sha256"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// narrowPath is a UDP relay, one socket toward the edge for each of the node's,
// that drops what is larger than its limit and says nothing: a router whose
// next link got narrower and whose ICMP is filtered.
type narrowPath struct {
	front *net.UDPConn
	edge  netip.AddrPort
	limit atomic.Int64
	moved atomic.Int64 // bytes
	lost  atomic.Int64 // packets

	onlyFirst atomic.Bool  // no socket of the node but its first gets through
	refused   atomic.Int64 // packets of the others

	mu    sync.Mutex
	first netip.AddrPort
	backs map[netip.AddrPort]*net.UDPConn
	wg    sync.WaitGroup
}

func newNarrowPath(t testing.TB, edge netip.AddrPort) *narrowPath {
	front, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	p := &narrowPath{front: front, edge: edge, backs: map[netip.AddrPort]*net.UDPConn{}}
	p.limit.Store(1 << 16)
	_ = front.SetReadBuffer(4 << 20)
	p.wg.Go(p.toEdge)
	t.Cleanup(func() {
		_ = front.Close()
		p.mu.Lock()
		for _, b := range p.backs {
			_ = b.Close()
		}
		p.mu.Unlock()
		p.wg.Wait()
	})
	return p
}

func (p *narrowPath) addr() string { return p.front.LocalAddr().String() }

func (p *narrowPath) pass(n int) bool {
	if int64(n) > p.limit.Load() {
		p.lost.Add(1)
		return false
	}
	p.moved.Add(int64(n))
	return true
}

func (p *narrowPath) toEdge() {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := p.front.ReadFromUDPAddrPort(buf)
		if err != nil {
			return
		}
		if b := p.back(from); b != nil && p.pass(n) {
			_, _ = b.Write(buf[:n])
		}
	}
}

// back returns the socket toward the edge that stands for the node's address.
func (p *narrowPath) back(from netip.AddrPort) *net.UDPConn {
	p.mu.Lock()
	defer p.mu.Unlock()
	if b := p.backs[from]; b != nil {
		return b
	}
	if p.onlyFirst.Load() && len(p.backs) > 0 {
		p.refused.Add(1)
		return nil
	}
	b, err := net.DialUDP("udp4", nil, net.UDPAddrFromAddrPort(p.edge))
	if err != nil {
		return nil
	}
	_ = b.SetReadBuffer(4 << 20)
	if len(p.backs) == 0 {
		p.first = from
	}
	p.backs[from] = b
	p.wg.Go(func() {
		buf := make([]byte, 1<<16)
		for {
			n, err := b.Read(buf)
			if err != nil {
				return
			}
			if p.pass(n) {
				_, _ = p.front.WriteToUDPAddrPort(buf[:n], from)
			}
		}
	})
	return b
}

// forget drops the mapping of every socket but the first: a NAT forgets one that is not in use.
func (p *narrowPath) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for from, b := range p.backs {
		if from != p.first {
			_ = b.Close()
			delete(p.backs, from)
		}
	}
}

// TestAFlowSurvivesAPathThatGetsNarrower lowers the path's limit under a bulk
// flow of one connection, without a word from any router.
func TestAFlowSurvivesAPathThatGetsNarrower(t *testing.T) {
	for _, c := range []struct {
		name        string
		upload      bool
		newMappings bool // the NAT has forgotten the spare socket meanwhile
	}{
		{"upload", true, false},
		{"download", false, false},
		{"upload with a stale spare path", true, true},
		{"download with a stale spare path", false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			narrow(t, c.upload, c.newMappings)
		})
	}
}

func narrow(t *testing.T, upload, newMappings bool) {
	const total = 32 << 20
	st, ct := linktest.TLS(t)
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	wire := newNarrowPath(t, ln.Addr())
	sum := make(chan [32]byte, 1)
	receive := func(s *link.Stream) {
		h := sha256.New()
		if _, err := io.Copy(h, s); err != nil {
			t.Error("receive:", err)
		}
		sum <- [32]byte(h.Sum(nil))
	}
	send := func(s *link.Stream) {
		if _, err := io.CopyBuffer(struct{ io.Writer }{s}, linktest.Pattern(total), make([]byte, 64<<10)); err != nil {
			t.Error("send:", err)
		}
		if err := s.CloseWrite(); err != nil {
			t.Error("send:", err)
		}
	}
	accepted := make(chan *link.Link, 1)
	go func() {
		l, err := ln.Accept(t.Context())
		if err != nil {
			t.Error(err)
		}
		accepted <- l
	}()
	client, err := path.Dial(t.Context(), wire.addr(), path.Config{TLS: ct})
	if err != nil {
		t.Fatal(err)
	}
	server := <-accepted
	done := make(chan struct{})
	linktest.Run(t, server, link.Handler{Flow: func(_ context.Context, _ *link.Link, s *link.Stream, _ proto.FlowHeader) {
		defer s.Close()
		if upload {
			receive(s)
		} else {
			send(s)
		}
		<-done
	}})
	linktest.Run(t, client, link.Handler{})
	defer close(done)
	for _, settled := client.MaxDatagram(); !settled; _, settled = client.MaxDatagram() {
		<-time.After(20 * time.Millisecond)
	}
	before := client.Info()

	s, err := client.OpenFlow(t.Context(), &proto.FlowHeader{
		Src: netip.MustParseAddrPort("10.0.0.1:1"), Dst: netip.MustParseAddrPort("10.0.0.2:2"),
	})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if upload {
		go send(s)
	} else {
		go receive(s)
	}
	for wire.moved.Load() < total/8 {
		<-time.After(time.Millisecond)
	}
	if newMappings {
		wire.forget()
	}
	wire.limit.Store(1272) // an IPv4 path of MTU 1300
	lowered := time.Now()
	switched := make(chan time.Duration, 1)
	go func() {
		for client.Info().Switches == 0 && t.Context().Err() == nil {
			<-time.After(10 * time.Millisecond)
		}
		switched <- time.Since(lowered)
	}()
	t.Logf("lowered at %d MB of %d", wire.moved.Load()>>20, total>>20)
	want := sha256.New()
	_, _ = io.Copy(want, linktest.Pattern(total))
	select {
	case got := <-sum:
		if got != [32]byte(want.Sum(nil)) {
			t.Fatal("the bytes differ")
		}
	case <-time.After(60 * time.Second):
		t.Fatalf("stuck; client %+v, server %+v", client.Info(), server.Info())
	}
	t.Logf("switched after %v, complete after %v, %d packets lost, path MTU %d before, %d and %d after", <-switched, time.Since(lowered), wire.lost.Load(),
		before.PathMTU, client.Info().PathMTU, server.Info().PathMTU)
	for _, l := range []*link.Link{client, server} {
		linktest.Eventually(t, "datagrams that pass", func() bool { n, _ := l.MaxDatagram(); return n <= 1272-37 }) // it learns by the clock
	}
}
