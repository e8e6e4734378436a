package probe

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/net/icmp"
)

var loopbacks = map[string]netip.Addr{"IPv4": netip.MustParseAddr("127.0.0.1"), "IPv6": netip.IPv6Loopback()}

// openHere opens a sender of this system.
func openHere(t *testing.T, c Config) Sender {
	t.Helper()
	s, err := Open(c)
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs ping sockets, or CAP_NET_RAW")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// openListener opens the sender of macOS, over a raw socket.
func openListener(t *testing.T, c Config) Sender {
	t.Helper()
	network, at := "ip4:icmp", "0.0.0.0"
	if c.Dst.Is6() {
		network, at = "ip6:ipv6-icmp", "::"
	}
	conn, err := icmp.ListenPacket(network, at)
	if errors.Is(err, os.ErrPermission) {
		t.Skip("needs CAP_NET_RAW to open a raw socket")
	}
	if err == nil {
		err = watchTTL(conn)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := listen(c, conn, true)
	if err != nil {
		_ = conn.Close()
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l
}

// heard waits for an answer.
func heard(t *testing.T, s Sender) Answer {
	t.Helper()
	for until := time.Now().Add(10 * time.Second); time.Now().Before(until); {
		answers, err := s.Receive(until)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range answers {
			return a
		}
	}
	t.Fatal("nothing was heard")
	return Answer{}
}

// gone returns a port of a with nobody behind it.
func gone(t *testing.T, a netip.Addr) uint16 {
	t.Helper()
	l, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).AddrPort().Port()
}

// testLoopback wants of a kind of senders what this host says of itself: replies, closed ports, open ones.
func testLoopback(t *testing.T, open func(*testing.T, Config) Sender) {
	for family, a := range loopbacks {
		t.Run(family, func(t *testing.T) {
			echoes := open(t, Config{Method: ICMP, Dst: a})
			if echoes.Source() != a {
				t.Errorf("packets leave from %s", echoes.Source())
			}
			if err := echoes.Send(Packet{Seq: 7, Payload: []byte("hello")}); err != nil {
				t.Fatal(err)
			}
			if got := heard(t, echoes); got.Kind != Reply || got.Seq != 7 || got.From != a || got.TTL != 64 || string(got.Data) != "hello" {
				t.Errorf("echo: %+v", got)
			}

			closed := gone(t, a)
			datagrams := open(t, Config{Method: UDP, Dst: a, DF: Probe})
			if err := datagrams.Send(Packet{Seq: 8, TTL: 3, Port: closed, Payload: []byte("hello")}); err != nil {
				t.Fatal(err)
			}
			got := heard(t, datagrams)
			if got.Kind != Error || got.Seq != 8 || got.From != a || got.Mark() != "" || got.passed() || got.TTL != 64 {
				t.Errorf("closed port of UDP: %+v", got)
			}
			server, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
			if err != nil {
				t.Fatal(err)
			}
			defer server.Close()
			go func() {
				var b [16]byte
				n, from, _ := server.ReadFrom(b[:])
				_, _ = server.WriteTo(b[:n], from)
			}()
			if err := datagrams.Send(Packet{Seq: 9, TTL: 3, Port: server.LocalAddr().(*net.UDPAddr).AddrPort().Port(), Payload: []byte("hello")}); err != nil {
				t.Fatal(err)
			}
			if got := heard(t, datagrams); got.Kind != Reply || got.Seq != 9 || got.From != a {
				t.Errorf("open port of UDP: %+v", got)
			}
			datagrams.Forget(9)
			if err := datagrams.Send(Packet{Seq: 10, TTL: 3, Port: closed, Payload: make([]byte, 65507)}); err != nil {
				t.Fatal(err)
			}
			if got := heard(t, datagrams); got.Seq != 10 || got.Kind != Error && got.Kind != TooLong {
				t.Errorf("a large one: %+v", got)
			}

			listener, err := net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(a, 0)))
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			connections := open(t, Config{Method: TCP, Dst: a})
			for seq, port := range map[uint16]uint16{11: closed, 12: listener.Addr().(*net.TCPAddr).AddrPort().Port()} {
				if err := connections.Send(Packet{Seq: seq, TTL: 3, Port: port}); err != nil {
					t.Fatal(err)
				}
				if got := heard(t, connections); got.Kind != Reply || got.Seq != seq || got.From != a {
					t.Errorf("TCP, packet %d: %+v", seq, got)
				}
			}
		})
	}
}

func TestSendersOnLoopback(t *testing.T) { testLoopback(t, openHere) }

// The senders of macOS, as far as another system can show them.
func TestListenersOnLoopback(t *testing.T) { testLoopback(t, openListener) }

// Wake ends a wait that nothing else would end.
func TestSendersWake(t *testing.T) {
	for name, open := range map[string]func(*testing.T, Config) Sender{"own": openHere, "listener": openListener} {
		t.Run(name, func(t *testing.T) {
			for _, m := range []Method{ICMP, UDP, TCP} {
				s := open(t, Config{Method: m, Dst: loopbacks["IPv4"]})
				s.Wake()
				if got, err := s.Receive(time.Time{}); len(got) > 0 || err != nil {
					t.Errorf("%s: %v, %v", m, got, err)
				}
			}
		})
	}
}
