package netstack

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/adapters/gonet"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv4"
	"gvisor.dev/gvisor/pkg/tcpip/network/ipv6"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
	"gvisor.dev/gvisor/pkg/tcpip/transport/tcp"
	"gvisor.dev/gvisor/pkg/waiter"

	"github.com/oneping/oneping/proto/packet"
)

const (
	nic = 1
	// The host is next to the stack: what is under way between them is little, and what lies in a
	// buffer is what an application does not read, or a server. Receive buffers grow with what is
	// read from them.
	minBuffer, startBuffer, maxBuffer = 4 << 10, 256 << 10, 4 << 20
	sendBuffer, maxSendBuffer         = 128 << 10, 1 << 20
	maxHandshakes                     = 4096
	// timeWait is short because both ends are on this machine: no old segment can be on its way.
	timeWait = time.Second
	// lingerTimeout ends a connection that the application has left half closed after both sides
	// were done.
	lingerTimeout = 10 * time.Second
	// keepAlive is how soon an idle connection whose application has gone without a word is
	// noticed: the host resets what it does not know. It costs nothing, the host is this one. Silence
	// says nothing: a guest of the host that is paused answers when it goes on.
	keepAlive = time.Minute
	// userTimeout ends a connection whose application has taken nothing for so long (RFC 5482),
	// though its host answers, and an idle one about which its host is silent: a download that is
	// paused lives for an afternoon, as RFC 5382 REQ-5 wants of whatever is idle.
	userTimeout = 2*time.Hour + 4*time.Minute
	// keepAlives that nobody answers end nothing before userTimeout does.
	keepAlives = int(2 * userTimeout / keepAlive)
	// handshakeTimeout gives up on an application that vanished without a reset.
	handshakeTimeout = 30 * time.Second
)

// ErrHandshake is returned by Accept when the application did not complete the handshake.
var ErrHandshake = errors.New("the application did not complete the handshake")

// tuple names a connection as the host sees it.
type tuple struct{ src, dst netip.AddrPort }

// pending is a SYN that Accept has injected.
type pending struct {
	ttl    uint8
	result chan result // buffered: the handler never waits
	acked  bool        // the host has completed the handshake
	reset  []byte      // a RST behind that, kept until the connection has been handed over
}

type result struct {
	conn *Conn
	err  error
}

// Stack is one gVisor stack with one interface. All methods are safe for concurrent use.
type Stack struct {
	stack *stack.Stack
	dev   *device
	wg    sync.WaitGroup // writer and handshakes

	waiting atomic.Int32 // len(pending), for Inject, which asks without the lock

	// mu guards what follows.
	mu      sync.Mutex
	closed  bool
	pending map[tuple]*pending
}

// Start returns a running stack whose packets for the host go to write, in
// batches, one call at a time. mtu is the MTU of the host's device. Close frees it.
func Start(mtu int, write func(pkts [][]byte) error) (*Stack, error) {
	s := &Stack{pending: make(map[tuple]*pending)}
	s.dev = newDevice(mtu, s.setTTL)
	s.stack = stack.New(stack.Options{
		NetworkProtocols:   []stack.NetworkProtocolFactory{ipv4.NewProtocol, ipv6.NewProtocol},
		TransportProtocols: []stack.TransportProtocolFactory{tcp.NewProtocolCUBIC},
		HandleLocal:        false,
	})
	if err := s.configure(); err != nil {
		s.stack.Destroy()
		return nil, err
	}
	forwarder := tcp.NewForwarder(s.stack, startBuffer, maxHandshakes, s.handshake)
	s.stack.SetTransportProtocolHandler(tcp.ProtocolNumber, forwarder.HandlePacket)
	s.wg.Go(func() { s.dev.run(write) })
	return s, nil
}

// configure makes the stack a far end for every address.
func (s *Stack) configure() error {
	sack, moderate, linger, wait := tcpip.TCPSACKEnabled(true), tcpip.TCPModerateReceiveBufferOption(true),
		tcpip.TCPLingerTimeoutOption(lingerTimeout), tcpip.TCPTimeWaitTimeoutOption(timeWait)
	for _, o := range []tcpip.SettableTransportProtocolOption{
		&sack, &moderate, &linger, &wait,
		&tcpip.TCPReceiveBufferSizeRangeOption{Min: minBuffer, Default: startBuffer, Max: maxBuffer},
		&tcpip.TCPSendBufferSizeRangeOption{Min: minBuffer, Default: sendBuffer, Max: maxSendBuffer},
	} {
		if err := s.stack.SetTransportProtocolOption(tcp.ProtocolNumber, o); err != nil {
			return fmt.Errorf("start netstack: set %T: %s", o, err)
		}
	}
	if err := s.stack.CreateNIC(nic, s.dev); err != nil {
		return fmt.Errorf("start netstack: create interface: %s", err)
	}
	s.stack.SetPromiscuousMode(nic, true) // take packets for any address,
	s.stack.SetSpoofing(nic, true)        // answer from any address
	s.stack.SetRouteTable([]tcpip.Route{
		{Destination: header.IPv4EmptySubnet, NIC: nic},
		{Destination: header.IPv6EmptySubnet, NIC: nic},
	})
	return nil
}

// Inject hands a TCP packet of the host to the stack; pkt is copied. Packets of another protocol
// must not be injected.
func (s *Stack) Inject(pkt []byte) {
	if s.waiting.Load() > 0 && s.keepReset(pkt) {
		return
	}
	s.dev.inject(pkt)
}

// keepReset keeps a RST that comes behind a completed handshake before Accept has returned its
// connection: gVisor's forwarder would forget the connection, and with it what the host has said
// before.
func (s *Stack) keepReset(pkt []byte) bool {
	var p packet.Packet
	if packet.Parse(pkt, &p) != packet.OK {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	want := s.pending[tuple{p.SrcAddrPort(), p.DstAddrPort()}]
	switch flags := p.TCPFlags(); {
	case want == nil:
	case flags&packet.FlagRST == 0:
		want.acked = want.acked || flags&packet.FlagACK != 0
	case want.acked:
		want.reset = bytes.Clone(pkt)
		return true
	}
	return false
}

// Accept completes the handshake that the host began with syn and returns the
// connection. Its packets carry ttl (0 = packet.DefaultTTL). What an earlier
// connection of the same addresses and ports left behind is reset first.
func (s *Stack) Accept(ctx context.Context, syn []byte, ttl uint8) (*Conn, error) {
	var p packet.Packet
	if r := packet.Parse(syn, &p); r != packet.OK || !p.IsSYN() {
		return nil, fmt.Errorf("accept connection: not a SYN (%s)", r)
	}
	if ttl == 0 {
		ttl = packet.DefaultTTL
	}
	key := tuple{p.SrcAddrPort(), p.DstAddrPort()}
	want := &pending{ttl: ttl, result: make(chan result, 1)}
	s.abort(key)
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil, ErrHandshake
	}
	s.pending[key] = want
	s.waiting.Store(int32(len(s.pending)))
	s.mu.Unlock()
	s.dev.inject(syn)

	ctx, cancel := context.WithTimeout(ctx, handshakeTimeout)
	defer cancel()
	select {
	case r := <-want.result:
		s.forget(key, want)
		return r.conn, r.err
	case <-ctx.Done():
	}
	s.forget(key, want)
	s.abort(key) // frees the handshake that waits
	select {
	case r := <-want.result:
		if r.conn != nil {
			r.conn.Abort()
		}
	default:
	}
	return nil, fmt.Errorf("accept connection: %w", ctx.Err())
}

// forget ends the wait for a connection.
func (s *Stack) forget(key tuple, p *pending) {
	s.mu.Lock()
	if s.pending[key] == p {
		delete(s.pending, key)
		s.waiting.Store(int32(len(s.pending)))
	}
	reset := p.reset
	s.mu.Unlock()
	if reset != nil {
		s.dev.inject(reset)
	}
}

// abort resets the endpoint of key, if there is one.
func (s *Stack) abort(key tuple) {
	net := ipv4.ProtocolNumber
	if key.dst.Addr().Is6() {
		net = ipv6.ProtocolNumber
	}
	id := stack.TransportEndpointID{
		LocalPort: key.dst.Port(), LocalAddress: address(key.dst.Addr()),
		RemotePort: key.src.Port(), RemoteAddress: address(key.src.Addr()),
	}
	if ep := s.stack.FindTransportEndpoint(net, tcp.ProtocolNumber, id, nic); ep != nil {
		ep.Abort()
	}
}

// handshake runs in a goroutine of gVisor's for each SYN that meets no
// connection. It must complete the request, whatever happens.
func (s *Stack) handshake(r *tcp.ForwarderRequest) {
	id := r.ID()
	key := tuple{addrPort(id.RemoteAddress, id.RemotePort), addrPort(id.LocalAddress, id.LocalPort)}
	s.mu.Lock()
	want := s.pending[key]
	if want == nil || s.closed {
		s.mu.Unlock()
		r.Complete(false)
		return
	}
	s.wg.Add(1)
	s.mu.Unlock()
	defer s.wg.Done()

	wq := new(waiter.Queue)
	ep, err := r.CreateEndpoint(wq)
	r.Complete(false) // the host has reset it or lost interest: neither is answered (RFC 9293 §3.10.7.4)
	if err != nil {
		want.result <- result{err: fmt.Errorf("%w: %s", ErrHandshake, err)}
		return
	}
	setEndpointTTL(ep, want.ttl)
	setTimeouts(ep)
	c := &Conn{TCPConn: gonet.NewTCPConn(wq, ep), ep: ep}
	s.mu.Lock()
	abandoned := s.pending[key] != want
	if !abandoned {
		want.result <- result{conn: c}
	}
	s.mu.Unlock()
	if abandoned {
		c.Abort()
	}
}

func setEndpointTTL(ep tcpip.Endpoint, ttl uint8) {
	// Neither fails for a TCP endpoint; the other family's is ignored.
	_ = ep.SetSockOptInt(tcpip.IPv4TTLOption, int(ttl))
	_ = ep.SetSockOptInt(tcpip.IPv6HopLimitOption, int(ttl))
}

// setTimeouts lets no connection outlive its application for long.
func setTimeouts(ep tcpip.Endpoint) {
	ep.SocketOptions().SetKeepAlive(true)
	idle, interval, timeout := tcpip.KeepaliveIdleOption(keepAlive), tcpip.KeepaliveIntervalOption(keepAlive), tcpip.TCPUserTimeoutOption(userTimeout)
	for _, o := range []tcpip.SettableSocketOption{&idle, &interval, &timeout} {
		_ = ep.SetSockOpt(o) // fails for no TCP endpoint
	}
	_ = ep.SetSockOptInt(tcpip.KeepaliveCountOption, keepAlives)
}

// setTTL gives a SYN-ACK, which leaves before its endpoint can be configured, the TTL that its
// Accept asked for.
func (s *Stack) setTTL(raw []byte) {
	var p packet.Packet
	if packet.Parse(raw, &p) != packet.OK {
		return
	}
	s.mu.Lock()
	want := s.pending[tuple{p.DstAddrPort(), p.SrcAddrPort()}]
	s.mu.Unlock()
	if want != nil {
		p.SetTTL(want.ttl)
	}
}

// Close resets every connection, ends the stack and joins its goroutines.
func (s *Stack) Close() {
	s.mu.Lock()
	s.closed = true
	clear(s.pending)
	s.waiting.Store(0)
	s.mu.Unlock()
	s.stack.Close() // aborts the endpoints
	s.stack.Wait()
	close(s.dev.done) // their resets have been queued and still go out
	s.wg.Wait()
}

func address(a netip.Addr) tcpip.Address {
	if a.Is4() {
		return tcpip.AddrFrom4(a.As4())
	}
	return tcpip.AddrFrom16(a.As16())
}

func addrPort(a tcpip.Address, port uint16) netip.AddrPort {
	addr, _ := netip.AddrFromSlice(a.AsSlice())
	return netip.AddrPortFrom(addr, port)
}
