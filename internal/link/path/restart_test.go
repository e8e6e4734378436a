package path_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// serveEdge accepts and runs links until the listener closes.
func serveEdge(ctx context.Context, ln *path.Listener, accepted chan<- *link.Link) {
	for {
		l, err := ln.Accept(ctx)
		if err != nil {
			return
		}
		go func() { _ = l.Run(ctx, link.Handler{}) }()
		accepted <- l
	}
}

// TestARestartedEdgeIsFoundAgainAtOnce: the edge goes away without a word, as
// with kill -9, and listens again on its address: its stateless reset ends the
// old link, and Redial is back within two seconds.
func TestARestartedEdgeIsFoundAgainAtOnce(t *testing.T) {
	st, ct := linktest.TLS(t)
	key := [32]byte{1, 2, 3}
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st, ResetKey: &key})
	if err != nil {
		t.Fatal(err)
	}
	addr := ln.Addr().String()
	accepted := make(chan *link.Link, 10)
	go serveEdge(t.Context(), ln, accepted)

	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 10)
	redial := &path.Redial{Addrs: func() []string { return []string{addr} }, Config: path.Config{TLS: ct}}
	done := make(chan error, 1)
	go func() {
		done <- redial.Run(ctx, func(ctx context.Context, l *link.Link) error {
			err := l.Run(ctx, link.Handler{})
			ended <- err
			return err
		})
	}()
	<-accepted
	if err := ln.Close(); err != nil { // without a word: quic-go sends no CONNECTION_CLOSE then
		t.Fatal(err)
	}
	if ln, err = path.Listen(addr, path.Config{TLS: st, ResetKey: &key}); err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	restarted := time.Now()
	go serveEdge(t.Context(), ln, accepted)
	select {
	case <-accepted:
	case <-time.After(10 * time.Second):
		t.Fatal("not back after 10 s")
	}
	if d := time.Since(restarted); d > 2*time.Second {
		t.Errorf("back after %v", d)
	}
	if err := <-ended; err == nil || !strings.Contains(err.Error(), "restarted") {
		t.Errorf("the old link ended with %v", err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("Redial.Run returned %v", err)
	}
}

// TestRedialOutlivesADeadEdge: nobody listens for a while (the kernel answers
// with ICMP port unreachable), then the edge is there.
func TestRedialOutlivesADeadEdge(t *testing.T) {
	st, ct := linktest.TLS(t)
	probe, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	addr := probe.LocalAddr().String()
	_ = probe.Close()
	var attempts atomic.Int64
	first := make(chan struct{}, 1)
	redial := &path.Redial{
		Addrs: func() []string { return []string{addr} }, Config: path.Config{},
		TLS: func(context.Context) (*tls.Config, error) {
			select {
			case first <- struct{}{}:
			default:
			}
			return ct, nil
		},
		OnAttempt: func(a string, err error) {
			if a != addr {
				t.Errorf("attempt at %q", a)
			}
			attempts.Add(1)
		},
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		done <- redial.Run(ctx, func(ctx context.Context, l *link.Link) error { return l.Run(ctx, link.Handler{}) })
	}()
	<-first
	<-time.After(1200 * time.Millisecond) // some of its packets have been refused
	ln, err := path.Listen(addr, path.Config{TLS: st})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	listening := time.Now()
	accepted := make(chan *link.Link, 1)
	go serveEdge(t.Context(), ln, accepted)
	select {
	case <-accepted:
	case <-time.After(20 * time.Second):
		t.Fatal("never came back")
	}
	t.Logf("back after %v", time.Since(listening))
	cancel()
	<-done
	if attempts.Load() == 0 {
		t.Error("OnAttempt was not told")
	}
}

func TestRedialWithoutAddress(t *testing.T) {
	if err := (&path.Redial{Addrs: func() []string { return nil }}).Run(t.Context(), nil); err == nil {
		t.Fatal("no error")
	}
}

func TestADialToTheWrongAuthorityNamesTheReason(t *testing.T) {
	st, _ := linktest.TLS(t)
	_, other := linktest.TLS(t)
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	_, err = path.Dial(t.Context(), ln.Addr().String(), path.Config{TLS: other})
	if err == nil || !strings.Contains(err.Error(), "TLS handshake refused here") || !strings.Contains(err.Error(), "certificate") {
		t.Fatalf("got %v", err)
	}
}

func TestADialThatNobodyAnswersEndsInTwoSeconds(t *testing.T) {
	mute, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	_, ct := linktest.TLS(t)
	start := time.Now()
	_, err = path.Dial(t.Context(), mute.LocalAddr().String(), path.Config{TLS: ct})
	if err == nil || time.Since(start) > 4*time.Second || !strings.Contains(err.Error(), "no answer within 2s") {
		t.Fatalf("%v after %v", err, time.Since(start))
	}
}

func TestEnrolmentUsesPlainStreamsOnItsOwnALPN(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{ALPN: proto.EnrolALPN})
	if server.ALPN() != proto.EnrolALPN || client.ALPN() != proto.EnrolALPN {
		t.Fatalf("ALPN %q and %q", server.ALPN(), client.ALPN())
	}
	s, err := client.OpenRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.Write([]byte("request")); err != nil {
		t.Fatal(err)
	}
	a, err := server.AcceptRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 7)
	if _, err := a.Read(b); err != nil || string(b) != "request" {
		t.Fatalf("read %q, %v", b, err)
	}
	if err := server.Close(proto.CodeRefused, "token used"); err != nil {
		t.Fatal(err)
	}
	_, err = s.Read(b)
	if e, ok := errors.AsType[*link.CloseError](err); !ok || e.Code != proto.CodeRefused || e.Text != "token used" || !errors.Is(err, net.ErrClosed) {
		t.Fatalf("read %v", err)
	}
	if err := client.Close(proto.CodeOK, ""); err != nil {
		t.Fatal(err)
	}
}

// TestDatagramsOfAnySizeCross sends every interesting size both ways.
func TestDatagramsOfAnySizeCross(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	echo := link.Handler{Datagram: func(l *link.Link, d []byte) packet.Reason { return l.Send(link.Bulk, d) }}
	linktest.Run(t, server, echo)
	got := make(chan int, 100)
	linktest.Run(t, client, link.Handler{Datagram: func(_ *link.Link, d []byte) packet.Reason {
		for i, c := range d[1:] {
			if c != byte(i) {
				return packet.Malformed
			}
		}
		got <- len(d)
		return packet.OK
	}})
	for _, n := range []int{1, 2, 1162, 1163, 1164, 1399, 1400, 1452, 1500, 1501, 9000, 65535, proto.MaxDatagram} {
		d := make([]byte, n)
		d[0] = byte(proto.TypePacket)
		for i := range d[1:] {
			d[1+i] = byte(i)
		}
		if r := client.Send(link.Interactive, d); r != packet.OK {
			t.Fatalf("%d bytes: %v", n, r)
		}
		select {
		case back := <-got:
			if back != n {
				t.Fatalf("%d bytes came back as %d", n, back)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("%d bytes did not come back", n)
		}
	}
	if i := client.Info(); i.Remote != netip.MustParseAddrPort(i.Remote.String()) || i.RTT <= 0 || i.PathMTU < 1228 {
		t.Errorf("info %+v", i)
	}
}

func TestListenOnATakenPortSaysSo(t *testing.T) {
	st, _ := linktest.TLS(t)
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := path.Listen(ln.Addr().String(), path.Config{TLS: st}); !errors.Is(err, syscall.EADDRINUSE) {
		t.Errorf("got %v", err)
	}
	if err := ln.Close(); err != nil {
		t.Error(err)
	}
	if _, err := ln.Accept(t.Context()); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Accept after Close: %v", err)
	}
}
