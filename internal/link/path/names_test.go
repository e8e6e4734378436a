package path_test

import (
	"maps"
	"net/netip"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
)

// edgeAt is a listener that takes whatever comes, and its address.
func edgeAt(t *testing.T, cfg path.Config) netip.AddrPort {
	t.Helper()
	ln, err := path.Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ln.Close() })
	go func() {
		for {
			l, err := ln.Accept(t.Context())
			if err != nil {
				return
			}
			t.Cleanup(func() { _ = l.Close(0, "") })
		}
	}()
	return netip.MustParseAddrPort(ln.Addr().String())
}

// A name that cannot be resolved is dialled where it answered last; what no link came up to is not
// remembered.
func TestNamesAreDialledWhereTheyWere(t *testing.T) {
	st, ct := linktest.TLS(t)
	at := edgeAt(t, path.Config{TLS: st})
	names := new(path.Names)
	dial := func(addr string) error {
		l, err := path.Dial(t.Context(), addr, path.Config{TLS: ct, Names: names})
		if err == nil {
			err = l.Close(0, "")
		}
		return err
	}
	local := strings.Replace(at.String(), "127.0.0.1", "localhost", 1)
	const nowhere = "edge..test:7844" // no name at all: nobody is asked for it
	if err := dial(nowhere); err == nil || strings.Contains(err.Error(), "last address") ||
		advice.Of(err) != "is the name edge..test right, and does this machine's name service know it?" {
		t.Errorf("a name that was never resolved: %v, %q", err, advice.Of(err))
	}
	for _, addr := range []string{at.String(), local} {
		if err := dial(addr); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := names.All(), map[string]netip.AddrPort{local: at}; !maps.Equal(got, want) {
		t.Errorf("remembered %v, want %v", got, want)
	}
	names.Learn(map[string]netip.AddrPort{nowhere: at, "none.test:1": {}})
	if err := dial(nowhere); err != nil {
		t.Error(err)
	}
	if got := names.All(); len(got) != 2 {
		t.Errorf("remembered %v, want two", got)
	}
	names.Learn(map[string]netip.AddrPort{nowhere: netip.MustParseAddrPort("127.0.0.1:9")}) // where nobody is
	if err := dial(nowhere); err == nil || !strings.Contains(err.Error(), "no such host; at its last address: ") {
		t.Errorf("neither name nor address: %v", err)
	}
}
