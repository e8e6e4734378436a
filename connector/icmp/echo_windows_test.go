package icmp

import (
	"bytes"
	"context"
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/connector/host/hosttest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto/packet"
)

// winBed is a NAT over the system's own echo calls.
type winBed struct {
	*NAT
	t    *testing.T
	back chan packet.Packet
}

func newWinBed(t *testing.T) *winBed {
	t.Helper()
	b := &winBed{t: t, back: make(chan packet.Packet, 16)}
	api, err := NewTransport(Auto)
	if err != nil {
		t.Fatal(err)
	}
	nat := New(api, Config{Host: hosttest.New(netip.Addr{}, new(packet.Counters)), Back: b})
	b.NAT = nat
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- nat.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Errorf("Run: %v", err)
		}
	})
	return b
}

// Deliver hands a packet to the test.
func (b *winBed) Deliver(_ netip.Addr, _ link.Class, d []byte) packet.Reason {
	var p packet.Packet
	r := packet.Parse(bytes.Clone(d[1:]), &p)
	b.back <- p
	return r
}

// Count leaves what ended.
func (b *winBed) Count(packet.Reason) {}

// ask sends alice's echo request to dst.
func (b *winBed) ask(dst netip.Addr, seq uint16, ttl uint8, payload []byte) {
	b.t.Helper()
	p := echoOf(b.t, packet.Echo{Src: alice4, Dst: dst, Ident: 7, Seq: seq, TTL: ttl + 1, Payload: payload})
	if v := b.Send(&p, ttl); v.Reason != packet.OK {
		b.t.Fatalf("send to %v: %+v", dst, v)
	}
}

// answer returns what came for alice.
func (b *winBed) answer(within time.Duration) (p packet.Packet, ok bool) {
	select {
	case p = <-b.back:
		return p, true
	case <-time.After(within):
		return p, false
	}
}

// TestEchoAPI pings the loopback by the system's own calls; scripts/wine runs it under Wine.
func TestEchoAPI(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	b := newWinBed(t)
	for i, size := range []int{0, 1, 56, 1472, 8000, 65500} {
		payload := bytes.Repeat([]byte{byte(i)}, size)
		b.ask(loopback, uint16(i), 9, payload)
		got, ok := b.answer(5 * time.Second)
		if !ok || !got.IsEchoReply() || got.Ident != 7 || got.Seq != uint16(i) || got.Src != loopback || got.Dst != alice4 || !bytes.Equal(got.Payload(), payload) {
			t.Errorf("%d bytes: %v %+v", size, ok, got)
		}
	}
}

// winPath is the row of scripts/wine: two routers, then the last.
func winPath(t *testing.T) (path []netip.Addr, silent, absent netip.Addr) {
	t.Helper()
	words := strings.Fields(os.Getenv("ONEPING_WINE_PATH"))
	if len(words) != 3 {
		t.Skip("needs the network of scripts/wine")
	}
	for _, w := range words {
		path = append(path, netip.MustParseAddr(w))
	}
	return path, netip.MustParseAddr(os.Getenv("ONEPING_WINE_SILENT")), netip.MustParseAddr(os.Getenv("ONEPING_WINE_ABSENT"))
}

// Routers answer what expires in them, with alice's own packet quoted; the server answers with its
// true TTL.
func TestEchoAPIPath(t *testing.T) {
	path, _, absent := winPath(t)
	b := newWinBed(t)
	server := path[2]
	for i, router := range path[:2] {
		b.ask(server, uint16(10+i), uint8(i+1), []byte("probe"))
		got, ok := b.answer(5 * time.Second)
		var q packet.Packet
		if !ok || got.Src != router || got.Dst != alice4 || got.Type != packet.TypeTimeExceeded || !got.Quoted(&q) ||
			q.Src != alice4 || q.Dst != server || q.Ident != 7 || q.Seq != uint16(10+i) || q.TTL != 1 {
			t.Errorf("TTL %d: %v, %+v about %+v", i+1, ok, got, q)
		}
	}
	b.ask(server, 20, 3, []byte("probe"))
	if got, ok := b.answer(5 * time.Second); !ok || !got.IsEchoReply() || got.Src != server || got.TTL != 61 || string(got.Payload()) != "probe" {
		t.Errorf("TTL 3: %v, %+v, want a reply with TTL 61: 64, two routers, and this hop", ok, got)
	}
	b.ask(absent, 21, 64, []byte("probe")) // Wine does not recognise an error about an empty one
	if got, ok := b.answer(8 * time.Second); !ok || got.Src != path[1] || got.Type != packet.TypeUnreachable || got.Code != 1 {
		t.Errorf("nobody there: %v, %+v, want host unreachable from %v", ok, got, path[1])
	}
}

// One dead target delays no live one.
func TestEchoAPIDeadBesideLive(t *testing.T) {
	path, silent, _ := winPath(t)
	b := newWinBed(t)
	b.ask(silent, 100, 64, nil) // one: Wine fails an assertion of its own now and then when several requests time out at once
	for i := range uint16(8) {
		began := time.Now()
		b.ask(path[2], i, 64, nil)
		got, ok := b.answer(5 * time.Second)
		if took := time.Since(began); !ok || got.Src != path[2] || got.Seq != i || took > 2*time.Second {
			t.Errorf("the living one after %v: %v, %+v", took, ok, got)
		}
	}
	if got, ok := b.answer(100 * time.Millisecond); ok {
		t.Errorf("the silent one: %+v", got)
	}
}
