package probe

import (
	"errors"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// openEcho opens the system's sender; scripts/wine runs these tests under Wine.
func openEcho(t *testing.T, dst netip.Addr) Sender {
	t.Helper()
	s, err := Open(Config{Method: ICMP, Dst: dst})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// A pinger over the system's calls: every reply, with its payload.
func TestPingByCalls(t *testing.T) {
	loopback := netip.MustParseAddr("127.0.0.1")
	for _, size := range []int{0, 1, 56, 1472, 8000} {
		var out, errs strings.Builder
		text := NewPingText(&out, &errs, nil, loopback, size)
		ping := Ping{Count: 3, Every: 10 * time.Millisecond, Linger: 10 * time.Second, Payload: PingPayload(size)}
		tally, err := NewPinger(ping, openEcho(t, loopback), text).Run(t.Context())
		if err != nil || tally.Received != 3 || tally.Sent != 3 || errs.Len() > 0 || strings.Contains(out.String(), "wrong data") {
			t.Errorf("%d bytes: %v, %+v\n%s%s", size, err, tally, &out, &errs)
		}
	}
}

// A ladder over the system's calls shows both routers and the server of scripts/wine.
func TestTraceByCalls(t *testing.T) {
	words := strings.Fields(os.Getenv("ONEPING_WINE_PATH"))
	if len(words) != 3 {
		t.Skip("needs the network of scripts/wine")
	}
	trace := usual()
	trace.Each, trace.Payload = 1, TracePayload(32)
	var hops []string
	err := NewLadder(trace, openEcho(t, netip.MustParseAddr(words[2]))).Run(t.Context(), func(r Rung) error {
		hops = append(hops, strings.TrimSpace(r.Answer.From.String()+" "+r.Answer.Mark()))
		return nil
	})
	if got, want := strings.Join(hops, ", "), strings.Join(words, ", "); err != nil || got != want {
		t.Errorf("%v: %s, want %s", err, got, want)
	}
}

func TestOnlyICMPByCalls(t *testing.T) {
	for _, m := range []Method{UDP, TCP} {
		if _, err := Open(Config{Method: m, Dst: netip.MustParseAddr("127.0.0.1")}); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%s: %v", m, err)
		}
	}
}
