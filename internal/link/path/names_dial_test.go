package path_test

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
)

// Who wants to know where links are dialled is told before each attempt, also of one that fails,
// and of one to a remembered address.
func TestOnDial(t *testing.T) {
	_, ct := linktest.TLS(t)
	names := new(path.Names)
	var told []netip.AddrPort
	names.OnDial(func(_ context.Context, targets []netip.AddrPort) { told = append(told, targets...) })
	at := netip.MustParseAddrPort("127.0.0.1:9")
	const nowhere = "edge..test:7844" // no name at all: nobody is asked for it
	names.Learn(map[string]netip.AddrPort{nowhere: at})
	ctx, cancel := context.WithCancel(t.Context())
	cancel() // the attempt itself is over at once
	for _, addr := range []string{"192.0.2.7:7844", nowhere} {
		if _, err := path.Dial(ctx, addr, path.Config{TLS: ct, Names: names}); err == nil {
			t.Errorf("%s answers", addr)
		}
	}
	if want := []netip.AddrPort{netip.MustParseAddrPort("192.0.2.7:7844"), at}; !slices.Equal(told, want) {
		t.Errorf("told of %v, want %v", told, want)
	}
}
