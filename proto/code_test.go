package proto

import (
	"strings"
	"testing"
)

func TestCodeNames(t *testing.T) {
	for c := CodeOK; c < codeAfterLastName; c++ {
		if s := c.String(); s == "" || strings.HasPrefix(s, "code ") {
			t.Errorf("code %d has no name", uint16(c))
		}
	}
	// The numbers are part of the protocol: they never change.
	for c, want := range map[Code]string{0: "ok", 2: "protocol violation", 4: "revoked", 9: "reset", 12: "denied", 14: "aborted", 15: "memory short", 16: "pool full", 17: "code 17", 65535: "code 65535"} {
		if got := c.String(); got != want {
			t.Errorf("code %d = %q, want %q", uint16(c), got, want)
		}
	}
}
