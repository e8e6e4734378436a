//go:build !linux

package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// queue is a way back that a test waits at.
type queue chan []byte

func (q queue) Deliver(_ netip.Addr, _ link.Class, d []byte) packet.Reason {
	q <- append([]byte(nil), d...)
	return packet.OK
}

func (queue) Count(packet.Reason) {}

// TestSocketsOnLoopback runs sessions over this system's sockets.
func TestSocketsOnLoopback(t *testing.T) {
	origin, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort("127.0.0.1:0")))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = origin.Close() }()
	go func() {
		buf := make([]byte, 1<<16)
		for {
			n, from, err := origin.ReadFromUDPAddrPort(buf)
			if err != nil {
				return
			}
			_, _ = origin.WriteToUDPAddrPort(buf[:n], from)
		}
	}()
	sys, err := Kernel()
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t}
	back := make(queue, 16)
	b.host = host.New(host.Config{
		Routes: hosttest.Machine{Self: netip.MustParseAddr("127.0.0.1")}, Counters: &b.counters,
		Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
	})
	b.Sessions = New(sys, Config{Host: b.host, Back: back})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx) }()
	dst := origin.LocalAddr().(*net.UDPAddr).AddrPort()
	for i, text := range []string{"hello", "", "again"} {
		if r := b.Register(&proto.UDPRegistration{Session: 1, Src: client, Dst: dst, TTL: uint8(9 + i), DF: i == 2, Payload: []byte(text)}); r != packet.OK {
			t.Fatal(r)
		}
		for range 2 { // registered, and the echo
			select {
			case d := <-back:
				var p proto.UDPPayload
				if proto.ParseUDPPayload(d, &p) == nil && string(p.Payload) != text {
					t.Errorf("echo %q, want %q", p.Payload, text)
				}
			case <-time.After(5 * time.Second):
				t.Fatalf("%q: nothing came", text)
			}
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}
