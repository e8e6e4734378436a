package icmp

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// TestEchoAPI pings the loopback by the system's own calls. Run it under Wine
// as root: GOOS=windows go test -exec wine (with an overlay for package net, see scripts).
func TestEchoAPI(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	back := make(chan packet.Packet, 16)
	nat, err := Open(Config{
		Own: func(netip.Addr) bool { return true }, Seen: func(netip.Addr, uint8) {}, Answered: func(_, _ netip.Addr) {}, Count: func(packet.Reason) {},
		Deliver: func(d []byte) packet.Reason {
			var p packet.Packet
			r := packet.Parse(bytes.Clone(d[1:]), &p)
			back <- p
			return r
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- nat.Run(ctx) }()
	for i, size := range []int{0, 1, 56, 1472, 8000, 65500} {
		payload := bytes.Repeat([]byte{byte(i)}, size)
		p := echoOf(t, packet.Echo{Src: alice4, Dst: loopback, Ident: 7, Seq: uint16(i), Payload: payload})
		if v := nat.Send(&p, 9); v.Reason != packet.OK {
			t.Fatalf("%d bytes: %+v", size, v)
		}
		select {
		case got := <-back:
			if got.Seq != uint16(i) || got.Src != loopback || got.Dst != alice4 || !bytes.Equal(got.Payload(), payload) {
				t.Errorf("%d bytes: %+v", size, got)
			}
		case <-time.After(5 * time.Second):
			t.Errorf("%d bytes: nothing came", size)
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("Run: %v", err)
	}
}
