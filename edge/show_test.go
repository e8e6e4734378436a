package edge

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
)

func TestStatusForPeople(t *testing.T) {
	started := time.Date(2026, 11, 22, 5, 0, 0, 0, time.UTC)
	behind := NodeStatus{ID: "d1", Configuration: &proto.Progress{Applied: 3, Newest: 5}}
	s := Status{
		Edge: "e1", Version: "v9", Started: started, Listen: netip.MustParseAddrPort("0.0.0.0:7844"),
		Hops:    []netip.Addr{netip.MustParseAddr("172.68.101.57"), netip.MustParseAddr("fd00::57")},
		Tunnels: []TunnelStatus{{Name: "lab", Connectors: []NodeStatus{{ID: "c1"}}}, {Name: "empty"}},
		Devices: []NodeStatus{{ID: "d0"}, behind}, Routes: 2, Sessions: 3, Flows: 4,
		Reasons: map[string]uint64{"ok": 5, "denied": 1}, Memory: MemoryStatus{Live: 30 << 20, Limit: 512 << 20},
	}
	var b strings.Builder
	if err := s.WriteText(&b, started.Add(90*time.Second)); err != nil {
		t.Fatal(err)
	}
	want := `edge         e1, version v9, up 1m30s
listens      0.0.0.0:7844 (UDP)
hops         172.68.101.57, fd00::57
unreachable  answer
tunnels      2, 1 with a connector
routes       2
devices      2 connected, 1 behind: d1 has configuration 3 of 5
traffic      3 UDP sessions, 4 TCP flows
packets      5 ok, 1 denied
refused      none
memory       30 of 512 MiB
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}
