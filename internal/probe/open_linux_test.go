package probe

import (
	"net/netip"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/advice"
)

// An address of a link says nothing without the link; one that this host refuses is a firewall's.
func TestHints(t *testing.T) {
	for _, dst := range []string{"fe80::1", "fe80::1%nonesuch", "ff02::1"} {
		_, err := Open(Config{Method: UDP, Dst: netip.MustParseAddr(dst)})
		bare, _, _ := strings.Cut(dst, "%")
		if want := "a link-local address wants one of this host's devices: " + bare + "%DEVICE; ip link shows them"; advice.Of(err) != want {
			t.Errorf("%s: %v, hint %q, want %q", dst, err, advice.Of(err), want)
		}
	}
	if err := sendError(unix.EPERM); advice.Of(err) == "" || systemText(err) != "Operation not permitted" {
		t.Errorf("%v, hint %q", err, advice.Of(err))
	}
}
