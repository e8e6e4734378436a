package tcp

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/flow/flowtest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// patience bounds what a test waits for; it is no part of what is tested.
const patience = 20 * time.Second

// bench is a dialer with a link to an edge of the test's own, and an origin.
type bench struct {
	*Dialer
	t       *testing.T
	host    *host.Host
	edge    *link.Link
	origin  net.Listener
	reasons chan packet.Reason // of each flow that has ended
}

func newBench(t *testing.T, maxFlows int) *bench {
	t.Helper()
	origin, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = origin.Close() })
	b := &bench{t: t, origin: origin, reasons: make(chan packet.Reason, 64)}
	sys, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	b.host = hosttest.New(self, new(packet.Counters))
	b.Dialer = New(sys, Config{Host: b.host, MaxFlows: maxFlows})
	b.connect()
	return b
}

// connect joins the dialer to the edge and runs all until the test ends.
func (b *bench) connect() {
	b.t.Helper()
	conf := &tls.Config{Certificates: []tls.Certificate{selfSigned(b.t)}, InsecureSkipVerify: true}
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: conf})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	near, err := path.Dial(ctx, ln.Addr().String(), path.Config{TLS: conf})
	if err != nil {
		b.t.Fatal(err)
	}
	if b.edge, err = ln.Accept(ctx); err != nil {
		b.t.Fatal(err)
	}
	ended := make(chan error, 3)
	go func() { ended <- b.Run(ctx) }()
	go func() { ended <- b.edge.Run(ctx, link.Handler{}) }()
	go func() {
		ended <- near.Run(ctx, link.Handler{Flow: func(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
			b.reasons <- b.serve(ctx, s, &h)
		}})
	}()
	b.t.Cleanup(func() {
		cancel()
		for range cap(ended) {
			<-ended
		}
		_ = ln.Close()
	})
}

// serve is Serve as the connector calls it: the host answers where nothing was said.
func (b *bench) serve(ctx context.Context, s *link.Stream, h *proto.FlowHeader) packet.Reason {
	v := b.Serve(ctx, s, h, h.TTL)
	if v.Answer != packet.NoError {
		w := b.host.Way(h.Dst.Addr())
		r := b.host.Refuse(&w, h.Src.Addr(), h.TTL, v)
		flow.Refuse(s, r.Answer())
	}
	return v.Reason
}

func selfSigned(t *testing.T) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), DNSNames: []string{proto.EdgeName}}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// opened is a flow and the connection that it has become.
type opened struct {
	app    *flowtest.End // the application's end
	pumped <-chan error
	conn   net.Conn
}

// dial opens a flow of client n.
func (b *bench) dial(n byte) (opened, proto.FlowAnswer) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	dst := netip.MustParseAddrPort(b.origin.Addr().String())
	h := &proto.FlowHeader{
		Flow: proto.NewFlowID(), Src: netip.AddrPortFrom(netip.AddrFrom4([4]byte{100, 96, 0, n}), 4000), Dst: dst, TTL: 64,
	}
	s, err := b.edge.OpenFlow(ctx, h)
	if err != nil {
		b.t.Fatal(err)
	}
	f := flow.New(s, h, nil)
	b.t.Cleanup(func() { f.Drop(proto.CodeAborted) })
	a, err := f.Await(ctx)
	if err != nil {
		b.t.Fatal(err)
	}
	if a.Kind != proto.AnswerConnected {
		return opened{}, a
	}
	conn, err := b.origin.Accept()
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() { _ = conn.Close() })
	pumped := make(chan error, 1)
	return opened{flowtest.Attach(b.t.Context(), f, pumped), pumped, conn}, a
}

// say moves a byte from the flow to its origin.
func (b *bench) say(o opened) {
	b.t.Helper()
	if _, err := o.app.Write([]byte{1}); err != nil {
		b.t.Fatal(err)
	}
	if _, err := io.ReadFull(o.conn, make([]byte, 1)); err != nil {
		b.t.Fatal(err)
	}
}

// wantEnd waits until a flow has ended for why.
func (b *bench) wantEnd(why packet.Reason) {
	b.t.Helper()
	select {
	case r := <-b.reasons:
		if r != why {
			b.t.Errorf("a flow ended for %v, want %v", r, why)
		}
	case <-time.After(patience):
		b.t.Fatal("no flow has ended")
	}
}

// wantCut is wantEnd for o, with a reset at both of its ends.
func (b *bench) wantCut(o opened, why packet.Reason) {
	b.t.Helper()
	b.wantEnd(why)
	if err := <-o.pumped; err == nil {
		b.t.Error("the opener saw an orderly end, want a reset")
	}
	if _, err := io.Copy(io.Discard, o.conn); err == nil {
		b.t.Error("the origin saw an orderly end, want a reset")
	}
}

// Two clients have all flows. A third gets in; the flow that makes room is the one of the larger
// holder that has not moved for longest.
func TestFlowsAreShared(t *testing.T) {
	b := newBench(t, 5)
	var hog []opened
	for range 3 {
		o, a := b.dial(1)
		if a.Kind != proto.AnswerConnected {
			t.Fatalf("%+v", a)
		}
		hog = append(hog, o)
	}
	other, _ := b.dial(2)
	_, _ = b.dial(2)
	b.say(hog[0])
	if _, a := b.dial(1); a.Kind != proto.AnswerICMP || a.ICMPType != packet.TypeUnreachable || a.ICMPCode != 1 {
		t.Errorf("at its share: %+v, want host unreachable", a)
	}
	b.wantEnd(packet.TableFull)
	b.say(other)
	if _, a := b.dial(3); a.Kind != proto.AnswerConnected || b.Flows() != 5 {
		t.Errorf("the newcomer: %+v, %d flows", a, b.Flows())
	}
	b.wantCut(hog[1], packet.Superseded)
	b.say(hog[0])
	b.say(other)
}

// The flows of a device that has ended are cut at once, one whose origin does not read among them.
func TestEndClient(t *testing.T) {
	b := newBench(t, 0)
	stuck, _ := b.dial(1)
	full := make(chan error, 1)
	go func() {
		_, err := io.Copy(stuck.app, endless{})
		full <- err
	}()
	other, _ := b.dial(2)
	if _, err := io.ReadFull(stuck.conn, make([]byte, 1<<20)); err != nil { // and no more
		t.Fatal(err)
	}
	b.EndClient(netip.MustParseAddr("100.96.0.1"))
	b.wantCut(stuck, packet.Closed)
	if err := <-full; err == nil || errors.Is(err, io.EOF) {
		t.Errorf("the writer ended with %v", err)
	}
	b.say(other)
	if n := b.Flows(); n != 1 {
		t.Errorf("%d flows, want 1", n)
	}
}

// endless is a source of zeros.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
