package proto

import (
	"bytes"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var addrs = cmp.Options{
	cmpopts.EquateComparable(netip.Addr{}, netip.AddrPort{}, netip.Prefix{}),
	cmpopts.EquateEmpty(),
}

func equal(t testing.TB, got, want any) {
	t.Helper()
	if d := cmp.Diff(want, got, addrs); d != "" {
		t.Errorf("-want +got\n%s", d)
	}
}

func TestSetDatagramTTL(t *testing.T) {
	b := wire(t, goldenRegistration4)
	SetDatagramTTL(b, 9)
	var r UDPRegistration
	if err := ParseUDPRegistration(b, &r); err != nil || r.TTL != 9 {
		t.Errorf("registration: TTL %d, error %v; want 9", r.TTL, err)
	}
	b = wire(t, goldenPayload)
	SetDatagramTTL(b, 255)
	var p UDPPayload
	if err := ParseUDPPayload(b, &p); err != nil || p.TTL != 255 {
		t.Errorf("payload: TTL %d, error %v; want 255", p.TTL, err)
	}
}

// Append functions append: what stands in the slice already stays.
func TestAppendKeepsWhatIsThere(t *testing.T) {
	reg, pay, ev := registration4(), UDPPayload{Session: 1}, UDPEvent{Session: 1}
	for name, f := range map[string]func(b []byte) []byte{
		"packet":       func(b []byte) []byte { return AppendPacket(b, make([]byte, 20)) },
		"registration": func(b []byte) []byte { return AppendUDPRegistration(b, &reg) },
		"payload":      func(b []byte) []byte { return AppendUDPPayload(b, &pay) },
		"event":        func(b []byte) []byte { return AppendUDPEvent(b, &ev) },
		"heartbeat":    func(b []byte) []byte { return AppendHeartbeat(b, Heartbeat{}, 40) },
	} {
		b := f([]byte("before"))
		if !bytes.Equal(b, append([]byte("before"), f(nil)...)) {
			t.Errorf("%s: %x", name, b)
		}
	}
}

// The packet path does not allocate.
func TestDatagramsDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, MaxDatagram)
	reg, pay := registration6(), UDPPayload{Session: 1, Payload: make([]byte, 1200)}
	ev := UDPEvent{Session: 1, Kind: EventICMP, Reporter: netip.MustParseAddr("fd00::1")}
	for name, f := range map[string]func() error{
		"packet": func() error { _, err := ParsePacket(AppendPacket(buf, pay.Payload)); return err },
		"registration": func() error {
			var r UDPRegistration
			return ParseUDPRegistration(AppendUDPRegistration(buf, &reg), &r)
		},
		"payload": func() error { var p UDPPayload; return ParseUDPPayload(AppendUDPPayload(buf, &pay), &p) },
		"event":   func() error { var e UDPEvent; return ParseUDPEvent(AppendUDPEvent(buf, &ev), &e) },
		"heartbeat": func() error {
			_, err := ParseHeartbeat(AppendHeartbeat(buf, Heartbeat{Nonce: 1}, 1200))
			return err
		},
	} {
		if n := testing.AllocsPerRun(100, func() {
			if err := f(); err != nil {
				t.Fatal(name, err)
			}
		}); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
