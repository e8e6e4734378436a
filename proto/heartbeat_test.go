package proto

import (
	"errors"
	"testing"
)

func TestHeartbeatGolden(t *testing.T) {
	ask := wire(t, `05 00 0123456789abcdef 0000000000 # type, request, nonce, padding to 15`)
	wantBytes(t, AppendHeartbeat(nil, Heartbeat{Nonce: 0x0123456789abcdef}, 15), ask)
	echo := wire(t, `05 01 0123456789abcdef # type, echo, nonce`)
	wantBytes(t, AppendHeartbeat(nil, Heartbeat{Nonce: 0x0123456789abcdef, Echo: true}, 0), echo)
	for _, b := range [][]byte{ask, echo} {
		h, err := ParseHeartbeat(b)
		if err != nil {
			t.Fatal(err)
		}
		equal(t, h, Heartbeat{Nonce: 0x0123456789abcdef, Echo: b[1] == 1})
		prefixes(t, b, HeartbeatSize, func(b []byte) error { _, err := ParseHeartbeat(b); return err })
	}
	for _, bad := range []string{"05 02 0000000000000000", "04 00 0000000000000000"} {
		if _, err := ParseHeartbeat(wire(t, bad)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: error %v, want ErrMalformed", bad, err)
		}
	}
}
