package flow_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// tcpEnd is a kernel TCP connection as an Endpoint.
type tcpEnd struct{ *net.TCPConn }

func (e tcpEnd) Abort() {
	_ = e.SetLinger(0) // close sends RST
	_ = e.Close()
}

func (e tcpEnd) Broken() bool { return false }
func (e tcpEnd) Unsent() int  { return 0 }

// slice is client – edge – connector in one process, over loopback.
type slice struct {
	t      testing.TB
	client *link.Link
	origin *net.TCPListener
	// oversize has a token for each large packet that the edge got.
	oversize chan struct{}
}

func newSlice(t testing.TB) *slice {
	origin, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Close() })
	edgeC, connector := linktest.Connect(t, path.Config{}, path.Config{})
	edge, client := linktest.Connect(t, path.Config{}, path.Config{})
	edgeC.Trust()
	edge.Trust()
	linktest.Run(t, connector, link.Handler{Flow: func(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
		f := flow.New(s, &h, nil)
		c, err := net.DialTCP("tcp4", nil, origin.Addr().(*net.TCPAddr))
		if err != nil {
			flow.Refuse(s, proto.FlowAnswer{Kind: proto.AnswerRefused})
			return
		}
		if err := f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 62}); err != nil {
			t.Error(err)
		}
		_ = flow.Pump(ctx, f, tcpEnd{c})
	}})
	linktest.Run(t, edgeC, link.Handler{})
	oversize := make(chan struct{}, 100)
	linktest.Run(t, edge, link.Handler{Datagram: func(_ *link.Link, d []byte) packet.Reason {
		if len(d) > 50_000 {
			oversize <- struct{}{}
		}
		return packet.OK
	}, Flow: func(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
		out, err := edgeC.OpenFlow(ctx, &h)
		if err != nil {
			s.Reset(proto.CodeLinkDown)
			return
		}
		_ = flow.Splice(ctx, s, out, nil)
	}})
	linktest.Run(t, client, link.Handler{})
	return &slice{t: t, client: client, origin: origin, oversize: oversize}
}

func header() *proto.FlowHeader {
	return &proto.FlowHeader{
		Flow: proto.NewFlowID(), TTL: 63,
		Src: netip.MustParseAddrPort("100.96.0.1:40000"), Dst: netip.MustParseAddrPort("172.16.10.120:80"),
	}
}

// open opens a flow and returns the application's end of it and what Pump
// returned at the client.
func (s *slice) open() (*net.TCPConn, <-chan error) {
	t := s.t
	t.Helper()
	stream, err := s.client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	f := flow.New(stream, header(), nil)
	a, err := f.Await(t.Context())
	if err != nil || a.Kind != proto.AnswerConnected || a.TTL != 62 {
		t.Fatalf("answer %+v, %v", a, err)
	}
	app, inner := tcpPair(t)
	pumped := make(chan error, 1)
	go func() { pumped <- flow.Pump(t.Context(), f, tcpEnd{inner}) }()
	t.Cleanup(func() { _ = app.Close() })
	return app, pumped
}

func (s *slice) accept() *net.TCPConn {
	s.t.Helper()
	c, err := s.origin.AcceptTCP()
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = c.Close() })
	return c
}

func tcpPair(t testing.TB) (a, b *net.TCPConn) {
	ln, err := net.ListenTCP("tcp4", &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	a, err = net.DialTCP("tcp4", nil, ln.Addr().(*net.TCPAddr))
	if err != nil {
		t.Fatal(err)
	}
	if b, err = ln.AcceptTCP(); err != nil {
		t.Fatal(err)
	}
	return a, b
}

func TestAFlowCarriesBytesAndHalfClosesBothWays(t *testing.T) {
	const up, down = 9<<20 + 7, 5<<20 + 3
	s := newSlice(t)
	app, pumped := s.open()
	origin := s.accept()
	var wg sync.WaitGroup
	wg.Go(func() {
		h := sha256.New()
		n, err := io.Copy(h, origin) // until the application's FIN
		want := sha256.New()
		_, _ = io.Copy(want, linktest.Pattern(up))
		if n != up || err != nil || !bytes.Equal(h.Sum(nil), want.Sum(nil)) {
			t.Errorf("origin got %d bytes, %v", n, err)
		}
		// The half-closed flow lives on.
		if _, err := io.Copy(origin, linktest.Pattern(down)); err != nil {
			t.Error(err)
		}
		_ = origin.Close()
	})
	if _, err := io.Copy(app, linktest.Pattern(up)); err != nil {
		t.Fatal(err)
	}
	if err := app.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	h, want := sha256.New(), sha256.New()
	n, err := io.Copy(h, app)
	_, _ = io.Copy(want, linktest.Pattern(down))
	if n != down || err != nil || !bytes.Equal(h.Sum(nil), want.Sum(nil)) {
		t.Errorf("application got %d bytes, %v", n, err)
	}
	wg.Wait()
	if err := <-pumped; err != nil {
		t.Error(err)
	}
}

func TestAnAbortReachesTheOriginAsRST(t *testing.T) {
	s := newSlice(t)
	app, pumped := s.open()
	origin := s.accept()
	_ = app.SetLinger(0)
	_ = app.Close()
	if _, err := origin.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("origin reads %v", err)
	}
	if err := <-pumped; !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("pump returned %v", err)
	}
}

func TestAnOriginsRSTReachesTheApplicationBehindItsData(t *testing.T) {
	s := newSlice(t)
	app, pumped := s.open()
	origin := s.accept()
	if _, err := origin.Write([]byte("last words")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 10)
	if _, err := io.ReadFull(app, got); err != nil || string(got) != "last words" {
		t.Fatalf("read %q, %v", got, err)
	}
	_ = origin.SetLinger(0)
	_ = origin.Close()
	if _, err := app.Read(got); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("application reads %v", err)
	}
	if code, ok := link.ResetCode(<-pumped); !ok || code != proto.CodeReset {
		t.Errorf("pump returned %v", code)
	}
}

func TestASlowReaderSlowsItsWriter(t *testing.T) {
	s := newSlice(t)
	app, _ := s.open()
	origin := s.accept()
	_ = origin.SetWriteDeadline(time.Now().Add(2 * time.Second))
	n, err := io.Copy(origin, linktest.Pattern(1<<30)) // nobody reads app
	if !errors.Is(err, context.DeadlineExceeded) && err == nil {
		t.Fatalf("wrote %d bytes to a reader that does not read", n)
	}
	if n > 96<<20 { // two links' windows and the kernels' buffers
		t.Errorf("%d bytes were buffered", n)
	}
	// The other direction does not wait for it.
	if _, err := app.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(origin, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
}

// More stuck flows than QUIC's windows would hold if they lay in them, in both directions: another
// flow, opened afterwards over the same links, works at once, and so do packets that do not fit a
// datagram.
func TestStuckFlowsStopNobodyElse(t *testing.T) {
	s := newSlice(t)
	var wg sync.WaitGroup
	for range 6 {
		app, _ := s.open()
		origin := s.accept()
		for _, c := range []*net.TCPConn{app, origin} { // nobody reads either
			wg.Go(func() { fill(c) })
		}
	}
	wg.Wait()
	app, _ := s.open()
	origin := s.accept()
	_ = app.SetDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = io.Copy(origin, origin) }()
	got := make([]byte, 1<<20)
	go func() { _, _ = io.Copy(app, linktest.Pattern(int64(len(got)))) }()
	if _, err := io.ReadFull(app, got); err != nil {
		t.Fatal(err)
	}
	want, _ := io.ReadAll(linktest.Pattern(int64(len(got))))
	if !bytes.Equal(got, want) {
		t.Error("other bytes came back")
	}
	for range 20 {
		if r := s.client.Send(link.Bulk, append([]byte{byte(proto.TypePacket)}, make([]byte, 60_000)...)); r != packet.OK {
			t.Fatal(r)
		}
		select {
		case <-s.oversize:
		case <-time.After(10 * time.Second):
			t.Fatal("a large packet waits")
		}
	}
}

// fill writes until nothing more is taken.
func fill(c *net.TCPConn) {
	b := make([]byte, 64<<10)
	for range 2048 { // 128 MiB: more than all windows and the kernels' buffers
		_ = c.SetWriteDeadline(time.Now().Add(time.Second))
		if _, err := c.Write(b); err != nil {
			return
		}
	}
}

func TestAbortedDownloadsLeaveTheWindowOpen(t *testing.T) {
	s := newSlice(t)
	for range 50 {
		app, pumped := s.open()
		origin := s.accept()
		go func() { _, _ = io.Copy(origin, linktest.Pattern(4<<20)) }()
		if _, err := io.ReadFull(app, make([]byte, 1<<20)); err != nil {
			t.Fatal(err)
		}
		_ = app.SetLinger(0)
		_ = app.Close()
		<-pumped
	}
	app, _ := s.open()
	origin := s.accept()
	const size = 40 << 20 // more than the connection's window
	go func() {
		_, _ = io.Copy(origin, linktest.Pattern(size))
		_ = origin.Close()
	}()
	_ = app.SetReadDeadline(time.Now().Add(2 * time.Minute))
	if n, err := io.Copy(io.Discard, app); n != size || err != nil {
		t.Fatalf("fresh flow: %d bytes, %v", n, err)
	}
}

func TestManyFlowsAtOnce(t *testing.T) {
	s := newSlice(t)
	const flows = 300
	go func() {
		for range flows {
			c, err := s.origin.AcceptTCP()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	var wg sync.WaitGroup
	for i := range flows {
		wg.Go(func() {
			app, pumped := s.open()
			msg := bytes.Repeat([]byte{byte(i)}, 1000)
			_, _ = app.Write(msg)
			_ = app.CloseWrite()
			got, err := io.ReadAll(app)
			if err != nil || !bytes.Equal(got, msg) {
				t.Errorf("flow %d: %d bytes, %v", i, len(got), err)
			}
			if err := <-pumped; err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
}

func TestARefusedFlowIsAnswered(t *testing.T) {
	s := newSlice(t)
	_ = s.origin.Close()
	stream, err := s.client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	f := flow.New(stream, header(), nil)
	defer f.Drop(proto.CodeAborted)
	if a, err := f.Await(t.Context()); err != nil || a.Kind != proto.AnswerRefused {
		t.Fatalf("answer %+v, %v", a, err)
	}
}

// The edge refuses a flow and takes nothing more of it, before its opener has said how much it may
// be sent.
func TestAnEarlyRefusalIsHeard(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	linktest.Run(t, server, link.Handler{Flow: func(_ context.Context, _ *link.Link, s *link.Stream, _ proto.FlowHeader) {
		if _, err := s.Write(proto.AppendFlowAnswer(nil, &proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: 63})); err != nil {
			t.Error(err)
		}
		_ = s.Close()
	}})
	linktest.Run(t, client, link.Handler{})
	stream, err := client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	<-stream.Context().Done() // nothing more can be written
	f := flow.New(stream, header(), nil)
	defer f.Drop(proto.CodeAborted)
	if a, err := f.Await(t.Context()); err != nil || a.Kind != proto.AnswerRefused || a.TTL != 63 {
		t.Fatalf("answer %+v, %v", a, err)
	}
}

func TestAwaitEndsWithItsContext(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	hold := make(chan struct{})
	linktest.Run(t, server, link.Handler{Flow: func(_ context.Context, _ *link.Link, s *link.Stream, _ proto.FlowHeader) {
		<-hold
		s.Reset(proto.CodeAborted)
	}})
	defer close(hold)
	linktest.Run(t, client, link.Handler{})
	stream, err := client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	f := flow.New(stream, header(), nil)
	defer f.Drop(proto.CodeAborted)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	if _, err := f.Await(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("got %v", err)
	}
}
