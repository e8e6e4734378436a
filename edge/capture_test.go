package edge

import (
	"net/netip"
	"slices"
	"testing"

	"github.com/oneping/oneping/edge/model"
)

// What an earlier version took, and every host keeps, no client is told: none could capture it, and
// its status would say that it does.
func TestKeptPrefixesAreNotSent(t *testing.T) {
	e := &Edge{hops: []netip.Addr{netip.MustParseAddr("192.0.0.8")}}
	var sn model.Snapshot
	for _, s := range []string{"10.0.0.0/8", "127.0.0.0/8", "169.254.169.254/32", "::1/128", "fd00::/64"} {
		sn.Capture = append(sn.Capture, netip.MustParsePrefix(s))
	}
	var got []string
	for _, p := range e.capture(&sn) {
		got = append(got, p.String())
	}
	if want := []string{"10.0.0.0/8", "192.0.0.8/32", "fd00::/64"}; !slices.Equal(got, want) {
		t.Errorf("clients are told %v, want %v", got, want)
	}
}
