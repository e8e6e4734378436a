package link_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"math/rand/v2"
	"net"
	"sync/atomic"
	"testing"
	"time"

	"github.com/quic-go/quic-go"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// rawPeer is a node that speaks QUIC but not necessarily oneping.
func rawPeer(t *testing.T, addr string, tlsConf *tls.Config) *quic.Conn {
	t.Helper()
	udp, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	tr := &quic.Transport{Conn: udp}
	tlsConf = tlsConf.Clone()
	tlsConf.NextProtos, tlsConf.ServerName = []string{proto.ALPN}, proto.EdgeName
	to, err := net.ResolveUDPAddr("udp4", addr)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := tr.Dial(t.Context(), to, tlsConf, &quic.Config{EnableDatagrams: true, MaxIncomingUniStreams: 10})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = conn.CloseWithError(0, "")
		_ = tr.Close()
		_ = udp.Close()
	})
	return conn
}

// hostile returns a running edge end of a link and the raw peer on the other end.
func hostile(t *testing.T, h link.Handler) (*link.Link, *quic.Conn) {
	st, ct := linktest.TLS(t)
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	peer := rawPeer(t, ln.Addr().String(), ct)
	l, err := ln.Accept(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	linktest.Run(t, l, h)
	return l, peer
}

// TestALinkSurvivesNonsense feeds random datagrams, random streams and broken
// control messages; its other traffic goes on and the reasons are counted.
func TestALinkSurvivesNonsense(t *testing.T) {
	var controls, packets atomic.Int64
	l, peer := hostile(t, link.Handler{
		Control: func(*link.Link, proto.Control) error { controls.Add(1); return nil },
		Datagram: func(_ *link.Link, d []byte) packet.Reason {
			if d[0] != byte(proto.TypePacket) {
				return packet.UnknownType
			}
			packets.Add(1)
			return packet.OK
		},
		Flow: func(_ context.Context, _ *link.Link, s *link.Stream, _ proto.FlowHeader) { s.Reset(proto.CodeRefused) },
	})
	ctl, err := peer.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	write := func(b []byte) {
		t.Helper()
		if _, err := ctl.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	hello, err := proto.AppendControl(nil, &proto.Control{Hello: &proto.Hello{Hostname: "h"}})
	if err != nil {
		t.Fatal(err)
	}
	write([]byte(proto.Magic))
	write(hello)
	write(append(proto.AppendLength(nil, 9), "{not json"...)) // malformed
	write(hello)
	write(append(binary.BigEndian.AppendUint32(nil, proto.MaxControl+1), make([]byte, proto.MaxControl+1)...)) // oversized
	write(hello)

	r := rand.New(rand.NewPCG(1, 2))
	for range 300 {
		d := make([]byte, 1+r.IntN(1000))
		for i := range d {
			d[i] = byte(r.Uint32())
		}
		d[0] = byte(6 + r.IntN(200)) // no known type
		if err := peer.SendDatagram(d); err != nil {
			t.Fatal(err)
		}
	}
	for kind := range 12 {
		s, err := peer.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		_, _ = s.Write(append([]byte{byte(kind)}, make([]byte, 100)...))
		u, err := peer.OpenUniStream()
		if err == nil {
			_, _ = u.Write([]byte{byte(kind), 0xff, 0xff, 0xff, 0xff, 0})
			_ = u.Close()
		}
		_ = s.Close()
	}
	again, err := peer.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	write(hello)
	if _, err := again.Write([]byte(proto.Magic)); err != nil { // a second control stream
		t.Fatal(err)
	}
	linktest.Eventually(t, "four hellos", func() bool { return controls.Load() == 4 })
	linktest.Eventually(t, "the echo of a packet datagram", func() bool {
		_ = peer.SendDatagram(append([]byte{byte(proto.TypePacket)}, make([]byte, 40)...))
		return packets.Load() > 0
	})
	for _, want := range []struct {
		r packet.Reason
		n uint64
	}{{packet.Malformed, 1}, {packet.TooLarge, 1}, {packet.UnknownType, 12}} {
		linktest.Eventually(t, want.r.String(), func() bool { return l.Counters().Get(want.r) >= want.n })
	}
	select {
	case <-l.Done():
		t.Fatal("the link ended")
	default:
	}
}

func TestACrazyControlLengthEndsTheLink(t *testing.T) {
	l, peer := hostile(t, link.Handler{})
	ctl, err := peer.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	_, _ = ctl.Write(append([]byte(proto.Magic), 0xff, 0xff, 0xff, 0xff))
	select {
	case <-l.Done():
	case <-time.After(10 * time.Second):
		t.Fatal("the link lives")
	}
}

// TestANewOversizeStreamIsTakenAfterAReset sends on one oversize stream, resets it, and goes on
// with another.
func TestANewOversizeStreamIsTakenAfterAReset(t *testing.T) {
	got := make(chan int, 10)
	_, peer := hostile(t, link.Handler{Datagram: func(_ *link.Link, d []byte) packet.Reason {
		got <- len(d)
		return packet.OK
	}})
	frame := append(proto.AppendLength([]byte{byte(proto.StreamOversize)}, 2000), make([]byte, 2000)...)
	frame[5] = byte(proto.TypePacket)
	for i := range 20 { // more than the streams that may be open at a time
		s, err := peer.OpenUniStreamSync(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write(frame); err != nil {
			t.Fatal(err)
		}
		if n := <-got; n != 2000 {
			t.Fatalf("stream %d: %d bytes", i, n)
		}
		s.CancelWrite(1)
	}
}

// A stream whose opener gives it up before it has said what it is was closed, and is no nonsense.
func TestAStreamThatItsOpenerGivesUp(t *testing.T) {
	l, peer := hostile(t, link.Handler{Flow: func(_ context.Context, _ *link.Link, s *link.Stream, _ proto.FlowHeader) { s.Reset(proto.CodeRefused) }})
	ctl, err := peer.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ctl.Write([]byte(proto.Magic)); err != nil {
		t.Fatal(err)
	}
	for range 5 {
		s, err := peer.OpenStream()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Write([]byte{byte(proto.StreamFlow), 0, 64}); err != nil {
			t.Fatal(err)
		}
		s.CancelWrite(quic.StreamErrorCode(proto.CodeAborted))
	}
	linktest.Eventually(t, "five closed streams", func() bool { return l.Counters().Get(packet.Closed) == 5 })
	if n := l.Counters().Get(packet.Malformed); n != 0 {
		t.Errorf("%d counted as malformed", n)
	}
}
