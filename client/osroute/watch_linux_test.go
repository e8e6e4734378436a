package osroute

import (
	"testing"

	"golang.org/x/sys/unix"
)

// With thousands of routes, an Apply for each that the client itself has added would never end.
func TestOwnRoutesAreNoNews(t *testing.T) {
	message := func(protocol byte) []byte {
		b := make([]byte, unix.SizeofRtMsg)
		b[5] = protocol
		return b
	}
	for _, c := range []struct {
		what string
		kind uint16
		data []byte
		want bool
	}{
		{"a route that this client adds", unix.RTM_NEWROUTE, message(ownProtocol), false},
		{"somebody else's route", unix.RTM_NEWROUTE, message(unix.RTPROT_STATIC), true},
		{"a route of this client that goes", unix.RTM_DELROUTE, message(ownProtocol), true},
		{"a rule", unix.RTM_NEWRULE, message(ownProtocol), true},
		{"half a message", unix.RTM_NEWROUTE, []byte{unix.AF_INET}, true},
	} {
		if got := matters(c.kind, c.data); got != c.want {
			t.Errorf("%s: %v", c.what, got)
		}
	}
}
