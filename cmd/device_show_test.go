package cmd

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/proto"
)

func TestShowDevices(t *testing.T) {
	now := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC)
	devices := []admin.Device{
		{
			ID: "a", User: "alice", Name: "laptop", Addr4: netip.MustParseAddr("100.96.0.1"),
			Link: &admin.Presence{Remote: netip.MustParseAddrPort("198.51.100.7:1"), Since: now.Add(-3 * time.Hour)},
		},
		{ID: "b", User: "bob", Name: "desk", Addr4: netip.MustParseAddr("100.96.0.2"), LastSeen: now.Add(-72 * time.Hour)},
		{ID: "c", User: "carol", Name: "lost", Addr4: netip.MustParseAddr("100.96.0.3"), Revoked: true},
		{
			ID: "d", User: "dan", Name: "slow", Addr4: netip.MustParseAddr("100.96.0.4"),
			Link: &admin.Presence{Remote: netip.MustParseAddrPort("198.51.100.8:1"), Since: now.Add(-time.Hour), Configuration: &proto.Progress{Applied: 3, Newest: 5, Error: "no room"}},
		},
	}
	var out strings.Builder
	if err := writeDevices(&out, devices, now); err != nil {
		t.Fatal(err)
	}
	want := `DEVICE  USER   HOST    ADDRESS     STATE                        FROM
a       alice  laptop  100.96.0.1  up 3h                        198.51.100.7:1
b       bob    desk    100.96.0.2  seen 3d ago                  -
c       carol  lost    100.96.0.3  revoked                      -
d       dan    slow    100.96.0.4  up 1h, configuration 3 of 5  198.51.100.8:1
`
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Error(diff)
	}
	out.Reset()
	if err := writeDevice(&out, &devices[3], now); err != nil {
		t.Fatal(err)
	}
	if last := "behind     it has configuration 3 of 5 (no room); what is newer is not captured there yet\n"; !strings.HasSuffix(out.String(), last) {
		t.Errorf("%s, want it to end with %s", out.String(), last)
	}
}
