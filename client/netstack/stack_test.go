package netstack

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"gvisor.dev/gvisor/pkg/buffer"
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/link/channel"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"

	"github.com/oneping/oneping/proto/packet"
)

// host is the laptop's kernel in this test: a second gVisor stack, joined to
// the one under test by two functions. SYNs are held until the test accepts them.
type host struct {
	t    *testing.T
	net  *Stack
	kern *stack.Stack
	dev  *channel.Endpoint
	syns chan []byte

	// resets makes the host reset a connection right behind the first bytes that it sends.
	resets atomic.Bool

	mu   sync.Mutex
	from [][]byte // what the stack under test has sent
}

var (
	hostAddr = map[bool]netip.Addr{false: netip.MustParseAddr("100.96.0.7"), true: netip.MustParseAddr("fd00:1::7")}
	farAddr  = map[bool]netip.Addr{false: netip.MustParseAddr("172.16.10.120"), true: netip.MustParseAddr("fd00:10::120")}
)

func newHost(t *testing.T) *host {
	h := &host{t: t, dev: channel.New(4096, 1500, ""), syns: make(chan []byte, 1000)}
	h.kern = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocolCUBIC},
	})
	if err := h.kern.CreateNIC(1, h.dev); err != nil {
		t.Fatal(err)
	}
	for v6, proto := range map[bool]tcpip.NetworkProtocolNumber{false: ipv4.ProtocolNumber, true: ipv6.ProtocolNumber} {
		a := tcpip.ProtocolAddress{Protocol: proto, AddressWithPrefix: address(hostAddr[v6]).WithPrefix()}
		if err := h.kern.AddProtocolAddress(1, a, stack.AddressProperties{}); err != nil {
			t.Fatal(err)
		}
	}
	h.kern.SetRouteTable([]tcpip.Route{{Destination: header.IPv4EmptySubnet, NIC: 1}, {Destination: header.IPv6EmptySubnet, NIC: 1}})
	var err error
	if h.net, err = Start(1500, h.receive); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() { h.send(ctx) })
	t.Cleanup(func() {
		h.net.Close()
		cancel()
		wg.Wait()
		h.kern.Destroy()
	})
	return h
}

// receive takes what the stack under test sends to the host.
func (h *host) receive(pkts [][]byte) error {
	for _, b := range pkts {
		h.mu.Lock()
		h.from = append(h.from, bytes.Clone(b))
		h.mu.Unlock()
		proto := ipv4.ProtocolNumber
		if b[0]>>4 == 6 {
			proto = ipv6.ProtocolNumber
		}
		pb := stack.NewPacketBuffer(stack.PacketBufferOptions{Payload: buffer.MakeWithData(b)})
		h.dev.InjectInbound(proto, pb)
		pb.DecRef()
	}
	return nil
}

// send takes what the host sends: SYNs are held, the rest goes to the stack under test.
func (h *host) send(ctx context.Context) {
	for {
		pb := h.dev.ReadContext(ctx)
		if pb == nil {
			return
		}
		b := pb.ToView().AsSlice()
		pb.DecRef()
		var p packet.Packet
		switch {
		case packet.Parse(b, &p) != packet.OK || p.Class != packet.ClassTCP:
		case p.IsSYN():
			select {
			case h.syns <- bytes.Clone(b):
			default:
			}
		default:
			h.net.Inject(b)
			if n := len(p.Payload()); n > 0 && h.resets.Load() {
				binary.BigEndian.PutUint32(b[p.Hdr+4:], p.TCPSeq()+uint32(n))
				b[p.Hdr+13] = packet.FlagRST
				h.net.Inject(b)
			}
		}
	}
}

// dial connects the host with the stack under test and returns both ends.
func (h *host) dial(v6 bool, port uint16, ttl uint8) (app *gonet.TCPConn, far *Conn) {
	h.t.Helper()
	type dialled struct {
		c   *gonet.TCPConn
		err error
	}
	done := make(chan dialled, 1)
	go func() {
		c, err := h.connect(v6, port)
		done <- dialled{c, err}
	}()
	far, err := h.net.Accept(h.t.Context(), <-h.syns, ttl)
	if err != nil {
		h.t.Fatal(err)
	}
	d := <-done
	if d.err != nil {
		h.t.Fatal(d.err)
	}
	return d.c, far
}

func (h *host) connect(v6 bool, port uint16) (*gonet.TCPConn, error) {
	proto := ipv4.ProtocolNumber
	if v6 {
		proto = ipv6.ProtocolNumber
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), 20*time.Second)
	defer cancel()
	return gonet.DialContextTCP(ctx, h.kern, tcpip.FullAddress{NIC: 1, Addr: address(farAddr[v6]), Port: port}, proto)
}

func (h *host) seen(f func(p *packet.Packet) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, raw := range h.from {
		var p packet.Packet
		if packet.Parse(raw, &p) == packet.OK && f(&p) {
			return true
		}
	}
	return false
}

func TestBytesCrossBothWays(t *testing.T) {
	h := newHost(t)
	for _, v6 := range []bool{false, true} {
		app, far := h.dial(v6, 80, 0)
		if got, want := far.LocalAddr().String(), netip.AddrPortFrom(farAddr[v6], 80).String(); got != want {
			t.Errorf("far end is %s, want %s", got, want)
		}
		data := bytes.Repeat([]byte("0123456789abcdef"), 1<<17) // 2 MiB
		var wg sync.WaitGroup
		for _, c := range []interface {
			net.Conn
			CloseWrite() error
		}{app, far} {
			wg.Go(func() {
				if _, err := c.Write(data); err != nil {
					t.Error(err)
				}
				if err := c.CloseWrite(); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				got, err := io.ReadAll(c)
				if err != nil || sha256.Sum256(got) != sha256.Sum256(data) {
					t.Errorf("v6 %v: read %d bytes, %v", v6, len(got), err)
				}
			})
		}
		wg.Wait()
		_ = app.Close()
		_ = far.Close()
	}
}

func TestSYNACKCarriesTheOriginsTTL(t *testing.T) {
	h := newHost(t)
	for v6, ttl := range map[bool]uint8{false: 51, true: 52} {
		app, far := h.dial(v6, 80, ttl)
		if _, err := far.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := app.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		if h.seen(func(p *packet.Packet) bool { return p.V6 == v6 && p.TTL != ttl }) {
			t.Errorf("v6 %v: a packet has another TTL than %d", v6, ttl)
		}
		if !h.seen(func(p *packet.Packet) bool {
			return p.V6 == v6 && p.TCPFlags()&packet.FlagSYN != 0 && p.TransportOK()
		}) {
			t.Errorf("v6 %v: no SYN-ACK with a right checksum", v6)
		}
	}
}

func TestResetsCross(t *testing.T) {
	h := newHost(t)
	for _, v6 := range []bool{false, true} {
		app, far := h.dial(v6, 80, 0)
		far.Abort()
		far.Abort() // as often as you like
		if _, err := app.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
			t.Errorf("v6 %v: the application reads %v after a reset", v6, err)
		}
		if !h.seen(func(p *packet.Packet) bool { return p.V6 == v6 && p.TCPFlags()&packet.FlagRST != 0 }) {
			t.Error("no RST was sent")
		}
		if _, err := far.Read(make([]byte, 1)); err == nil {
			t.Error("an aborted connection can be read")
		}

		app, far = h.dial(v6, 80, 0)
		// Closing with unread data is a reset (RFC 2525 §2.17).
		if _, err := far.Write([]byte("half read")); err != nil {
			t.Fatal(err)
		}
		if _, err := app.Read(make([]byte, 1)); err != nil {
			t.Fatal(err)
		}
		_ = app.Close()
		if _, err := far.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
			t.Errorf("v6 %v: read after the application's reset: %v", v6, err)
		}
	}
}

func TestHalfCloseLeavesTheOtherDirection(t *testing.T) {
	h := newHost(t)
	app, far := h.dial(false, 80, 0)
	if err := app.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(far); err != nil || len(b) != 0 {
		t.Fatalf("read %q, %v", b, err)
	}
	if _, err := far.Write([]byte("late answer")); err != nil {
		t.Fatal(err)
	}
	if err := far.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(app); err != nil || string(b) != "late answer" {
		t.Errorf("read %q, %v", b, err)
	}
}

// A netstack that answers by itself makes every port of every host look open or closed one hop
// away.
func TestNothingIsAnsweredUnasked(t *testing.T) {
	h := newHost(t)
	go func() { _, _ = h.connect(false, 443) }() // fails when the test ends
	syn := <-h.syns
	h.net.Inject(syn) // nobody accepts it
	echo := packet.AppendEcho(nil, &packet.Echo{Src: hostAddr[false], Dst: farAddr[false]})
	h.net.Inject(echo) // breaks the contract of Inject
	// A segment of an unknown connection is answered, and after it everything that came before
	// would have been.
	var p packet.Packet
	if r := packet.Parse(syn, &p); r != packet.OK {
		t.Fatal(r)
	}
	ack := bytes.Clone(syn)
	ack[p.Hdr+13] = packet.FlagACK
	h.net.Inject(ack)
	waitFor(t, func() bool {
		return h.seen(func(p *packet.Packet) bool { return p.Class == packet.ClassTCP && p.TCPFlags() == packet.FlagRST })
	})
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.from) != 1 {
		t.Errorf("%d packets were sent to the host, want the reset alone", len(h.from))
	}
}

func TestAcceptGivesUp(t *testing.T) {
	h := newHost(t)
	go func() { _, _ = h.connect(false, 443) }()
	syn := <-h.syns
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	h.kern.RemoveNIC(1) // the application is gone: its kernel answers nothing
	if c, err := h.net.Accept(ctx, syn, 0); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v, %v", c, err)
	}
	h.net.mu.Lock()
	defer h.net.mu.Unlock()
	if len(h.net.pending) != 0 {
		t.Error("still pending")
	}
	if _, err := h.net.Accept(t.Context(), []byte("x"), 0); err == nil {
		t.Error("accepted garbage")
	}
}

// A reset in the middle of the handshake ends it, and is not answered (RFC 9293 §3.10.7.1).
func TestResetEndsTheHandshake(t *testing.T) {
	h := newHost(t)
	go func() { _, _ = h.connect(false, 443) }()
	syn := <-h.syns
	h.kern.RemoveNIC(1) // from here on the test is the host
	ended := make(chan error, 1)
	go func() {
		_, err := h.net.Accept(t.Context(), syn, 0)
		ended <- err
	}()
	waitFor(t, func() bool {
		return h.seen(func(p *packet.Packet) bool { return p.TCPFlags() == packet.FlagSYN|packet.FlagACK })
	})
	rst := bytes.Clone(syn)
	binary.BigEndian.PutUint32(rst[24:], binary.BigEndian.Uint32(syn[24:])+1)
	rst[20+13] = packet.FlagRST
	h.net.Inject(rst)
	if err := <-ended; !errors.Is(err, ErrHandshake) {
		t.Errorf("accept: %v, want %v", err, ErrHandshake)
	}
	// A segment of an unknown connection is answered, and after it everything that came before
	// would have been.
	other := bytes.Clone(syn)
	binary.BigEndian.PutUint16(other[20:], 1)
	other[20+13] = packet.FlagACK
	h.net.Inject(other)
	waitFor(t, func() bool { return h.seen(func(p *packet.Packet) bool { return p.DstPort == 1 }) })
	if h.seen(func(p *packet.Packet) bool { return p.DstPort != 1 && p.TCPFlags()&packet.FlagRST != 0 }) {
		t.Error("the reset was answered with a reset")
	}
}

// An application says something and resets right behind it, often before Accept has returned its
// connection.
func TestWhatWasSaidBeforeAResetIsRead(t *testing.T) {
	h := newHost(t)
	h.resets.Store(true)
	const said = "last words"
	for range 200 {
		go func() {
			app, err := h.connect(false, 80)
			if err == nil {
				_, _ = app.Write([]byte(said)) // the host's own end does not know of the reset
			}
		}()
		far, err := h.net.Accept(t.Context(), <-h.syns, 0)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(far)
		if string(got) != said || !errors.Is(err, syscall.ECONNRESET) {
			t.Fatalf("read %q, %v", got, err)
		}
		far.Abort()
	}
}

func TestManyConnectionsAtOnce(t *testing.T) {
	h := newHost(t)
	var wg sync.WaitGroup
	for range 200 {
		wg.Go(func() {
			c, err := h.connect(false, 80)
			if err != nil {
				t.Error(err)
				return
			}
			defer func() { _ = c.Close() }()
			if _, err := c.Write([]byte("ping")); err != nil {
				t.Error(err)
			}
			b := make([]byte, 4)
			if _, err := io.ReadFull(c, b); err != nil || string(b) != "ping" {
				t.Errorf("%q, %v", b, err)
			}
		})
		wg.Go(func() {
			c, err := h.net.Accept(t.Context(), <-h.syns, 0)
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.Copy(c, c)
			_ = c.Close()
		})
	}
	wg.Wait()
}

func waitFor(t *testing.T, cond func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !cond() {
		select {
		case <-limit:
			t.Fatal("waited 10 s in vain")
		case <-tick.C:
		}
	}
}

// A host that says nothing for less than RFC 5382 REQ-5 wants, as a guest that is paused, does not
// lose an idle connection: the keep-alives that it does not answer end nothing.
func TestSilenceEndsNoIdleConnection(t *testing.T) {
	h := newHost(t)
	app, far := h.dial(false, 443, 64)
	defer app.Close()
	defer far.Abort()
	count, err := far.ep.GetSockOptInt(tcpip.KeepaliveCountOption)
	if err != nil {
		t.Fatal(err)
	}
	var idle tcpip.KeepaliveIdleOption
	var every tcpip.KeepaliveIntervalOption
	var user tcpip.TCPUserTimeoutOption
	for _, o := range []tcpip.GettableSocketOption{&idle, &every, &user} {
		if err := far.ep.GetSockOpt(o); err != nil {
			t.Fatal(err)
		}
	}
	const least = 2*time.Hour + 4*time.Minute
	if silent := time.Duration(idle) + time.Duration(count)*time.Duration(every); silent < least || time.Duration(user) < least {
		t.Errorf("%d keep-alives in %v, user time-out %v; want at least %v", count, silent, time.Duration(user), least)
	}
}

// The stack knows no congestion marks: a SYN that offers them (RFC 3168 §6.1.1) is answered without.
func TestECNIsNotNegotiated(t *testing.T) {
	const ece, cwr = 1 << 6, 1 << 7
	h := newHost(t)
	go func() { _, _ = h.connect(false, 443) }()
	syn := bytes.Clone(<-h.syns)
	h.kern.RemoveNIC(1) // from here on the test is the host
	syn[20+13] |= ece | cwr
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { _, _ = h.net.Accept(ctx, syn, 0); close(ended) }()
	waitFor(t, func() bool {
		return h.seen(func(p *packet.Packet) bool { return p.TCPFlags() == packet.FlagSYN|packet.FlagACK })
	})
	if h.seen(func(p *packet.Packet) bool { return p.TCPFlags()&(ece|cwr) != 0 }) {
		t.Error("answered with ECN")
	}
	cancel()
	<-ended
}
