//go:build !linux

package udp

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

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
	back := make(chan []byte, 16)
	table, err := Open(Config{
		Forward:  func(_, _ netip.Addr, ttl uint8) (uint8, packet.Verdict) { return ttl, packet.Verdict{} },
		Reporter: func(_, _ netip.Addr, _ packet.Reason) (netip.Addr, bool) { return self, true },
		Own:      func(netip.Addr) bool { return true }, Seen: func(netip.Addr, uint8) {}, Answered: func(_, _ netip.Addr) {}, Count: func(packet.Reason) {},
		Deliver: func(_ link.Class, d []byte) packet.Reason {
			back <- append([]byte(nil), d...)
			return packet.OK
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- table.Run(ctx) }()
	dst := origin.LocalAddr().(*net.UDPAddr).AddrPort()
	for i, text := range []string{"hello", "", "again"} {
		if r := table.Register(&proto.UDPRegistration{Session: 1, Src: client, Dst: dst, TTL: uint8(9 + i), DF: i == 2, Payload: []byte(text)}); r != packet.OK {
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
