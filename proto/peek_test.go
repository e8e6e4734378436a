package proto

import (
	"net/netip"
	"testing"
)

// Peek says of each datagram what its parser says, and nothing of one that is cut before it.
func TestPeek(t *testing.T) {
	four, six := netip.MustParseAddrPort("100.96.0.1:5000"), netip.MustParseAddrPort("[fd00::1]:5000")
	ip4 := make([]byte, 40)
	ip4[0] = 0x45
	copy(ip4[12:], four.Addr().AsSlice())
	ip6 := make([]byte, 60)
	ip6[0] = 0x60
	copy(ip6[8:], six.Addr().AsSlice())
	for name, c := range map[string]struct {
		d     []byte
		src   netip.Addr
		id    SessionID
		needs int // bytes
	}{
		"IPv4 packet":       {AppendPacket(nil, ip4), four.Addr(), 0, 1 + 16},
		"IPv6 packet":       {AppendPacket(nil, ip6), six.Addr(), 0, 1 + 24},
		"no IP packet":      {AppendPacket(nil, make([]byte, 40)), netip.Addr{}, 0, 0},
		"registration":      {AppendUDPRegistration(nil, &UDPRegistration{Session: 7, Src: four, Dst: four}), four.Addr(), 0, regFixed + 4},
		"registration IPv6": {AppendUDPRegistration(nil, &UDPRegistration{Session: 7, Src: six, Dst: six}), six.Addr(), 0, regFixed + 16},
		"payload":           {AppendUDPPayload(nil, &UDPPayload{Session: 7}), netip.Addr{}, 7, 12},
		"event":             {AppendUDPEvent(nil, &UDPEvent{Session: 7, Kind: EventClosed}), netip.Addr{}, 7, 20},
		"heartbeat":         {AppendHeartbeat(nil, Heartbeat{Nonce: 1}, 100), netip.Addr{}, 0, 0},
	} {
		for n := range len(c.d) + 1 {
			src, id := Peek(c.d[:n])
			if n < c.needs {
				if src.IsValid() || id != 0 {
					t.Errorf("%s cut to %d bytes: %v, %v", name, n, src, id)
				}
			} else if src != c.src || id != c.id {
				t.Errorf("%s of %d bytes: %v, %v, want %v, %v", name, n, src, id, c.src, c.id)
			}
		}
	}
}
