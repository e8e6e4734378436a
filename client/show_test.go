package client

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

var (
	laptop4 = netip.MustParseAddr("100.96.0.7")
	laptop6 = netip.MustParseAddr("fd00:1::7")
	hop4    = netip.MustParseAddr("172.68.101.57")
	hop6    = netip.MustParseAddr("fd00:68::57")

	start = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func TestStatusForPeople(t *testing.T) {
	s := Status{
		Up: true, Since: start, Edge: "e1", User: "alice@example.com", Device: "d1", TUN: "oneping0", MTU: 1500,
		Link: &link.Info{
			Remote: netip.MustParseAddrPort("192.0.2.1:7844"), RTT: 1234567 * time.Nanosecond, PathMTU: 1464, Settled: true,
			PathMTUBefore: 1452, PathMTUSince: start.Add(78 * time.Second),
			LossOut: link.Loss{Datagrams: 148, Lost: 28}, LossIn: link.Loss{Datagrams: 151},
		},
		InnerMTU: 1410,
		Addrs:    []netip.Addr{laptop4, laptop6}, Hops: []netip.Addr{hop4},
		Capture:  []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")},
		Sessions: 2, Flows: 1, Held: 3,
		Reasons:  map[string]uint64{"ok": 5, "denied": 9, "link down": 9, "malformed": 10},
		Identity: &node.Status{Identity: "oneping://client/d1"},
		Warnings: []osroute.Warning{{Text: "strict rp_filter", Hint: "loosen it"}},
	}
	var b strings.Builder
	if err := s.WriteText(&b, start.Add(90*time.Second)); err != nil {
		t.Fatal(err)
	}
	want := `link      up for 1m30s to 192.0.2.1:7844 (edge e1)
path      RTT 1.23ms, path MTU 1464 since 12s (was 1452), packets up to 1410 cross whole
loss      to the edge 19 % (28 of 148), from it 0 % (0 of 151), datagrams of the last minute
device    oneping0, MTU 1500, user alice@example.com, id d1
address   100.96.0.7, fd00:1::7
hop       172.68.101.57
captured  172.16.0.0/12
traffic   2 UDP sessions, 1 TCP flow, 3 opening
packets   5 ok, 10 malformed, 9 denied, 9 link down
warning   strict rp_filter
          hint: loosen it
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}

	b.Reset()
	down := Status{Since: start, LastError: "dial edge:7844: no answer within 3s", LastHint: "is it running?", MTU: 1500}
	if err := down.WriteText(&b, start.Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	want = `link      down for 1m0s; captured traffic is answered with host unreachable
          dial edge:7844: no answer within 3s
          hint: is it running?
device    MTU 1500
address   none
hop       none
captured  none
traffic   0 UDP sessions, 0 TCP flows, 0 opening
packets   none
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestDenialsForPeople(t *testing.T) {
	var b strings.Builder
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.Local)
	if err := WriteDenials(&b, []proto.Denial{{ID: 0xabc, Time: at, Protocol: "tcp", Dst: "172.16.10.120:22"}}); err != nil {
		t.Fatal(err)
	}
	want := `TIME                 ID                PROTO  DESTINATION
2026-01-01 12:00:00  0000000000000abc  tcp    172.16.10.120:22
why: oneping policy explain ID, on the edge
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
	b.Reset()
	if err := WriteDenials(&b, nil); err != nil || b.String() != "nothing has been denied\n" {
		t.Errorf("%q, %v", b.String(), err)
	}
}

func TestConfigurationIsKept(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, cacheName)
	want := network{
		Hops: []netip.Addr{hop4, hop6}, Addrs: []netip.Addr{laptop4}, Capture: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12")},
		User: "alice", Device: "d1", Edge: "e1", Idle: 300,
	}
	if got, err := readCache(dir, path); err != nil || !reflect.DeepEqual(got, network{}) {
		t.Errorf("before the first write: %+v, %v", got, err)
	}
	if err := writeCache(dir, path, want); err != nil {
		t.Fatal(err)
	}
	if got, err := readCache(dir, path); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("read %+v, %v", got, err)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", fi.Mode(), err)
	}
	if err := os.WriteFile(path, []byte(`{"hops":`), 0o600); err != nil {
		t.Fatal(err)
	}
	if got, err := readCache(dir, path); err == nil || !reflect.DeepEqual(got, network{}) {
		t.Errorf("a torn file: %+v, %v", got, err)
	}
}

func TestRepairedForPeople(t *testing.T) {
	for _, tc := range []struct {
		in   osroute.Repaired
		want string
	}{
		{osroute.Repaired{}, "nothing to repair\n"},
		{osroute.Repaired{
			Rules: []string{"5000: from 100.96.0.5/32 lookup 7844"}, Routes: []string{"throw 224.0.0.0/4 table 7844 metric 100", "a"},
			Device: "oneping0", Left: []string{"tables 7846 and 7847"}, Notes: []string{"garbage"},
		}, `note: garbage
removed rule   5000: from 100.96.0.5/32 lookup 7844
removed route  throw 224.0.0.0/4 table 7844 metric 100
removed route  a
put back       device oneping0
repaired: 1 rule, 2 routes
left: rules or routes of another client that does not run (tables 7846 and 7847)
hint: oneping client repair --all removes them, too
`},
	} {
		var b strings.Builder
		if err := WriteRepaired(&b, &tc.in); err != nil || b.String() != tc.want {
			t.Errorf("%v, got\n%s\nwant\n%s", err, b.String(), tc.want)
		}
	}
}

// A denial is seen by who asks for the status, not only by who knows of --denials.
func TestStatusCountsDenials(t *testing.T) {
	for denied, want := range map[int]string{0: "", 1: "denied    1 time: oneping client status --denials\n", 17: "denied    17 times: oneping client status --denials\n"} {
		var b strings.Builder
		if err := (&Status{Denied: denied}).WriteText(&b, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); want == "" && strings.Contains(got, "denied") || !strings.Contains(got, want) {
			t.Errorf("%d denied:\n%s", denied, got)
		}
	}
}

// Who asks for the status is told that something is not captured.
func TestStatusSaysThatTheConfigurationIsBehind(t *testing.T) {
	for now, want := range map[proto.Progress]string{
		{Applied: 5, Newest: 5}: "",
		{Applied: 3, Newest: 5}: "behind    the host has configuration 3 of 5; what is newer is not captured yet\n",
	} {
		var b strings.Builder
		if err := (&Status{Configuration: &now}).WriteText(&b, time.Now()); err != nil {
			t.Fatal(err)
		}
		if got := b.String(); want == "" && strings.Contains(got, "configuration") || !strings.Contains(got, want) {
			t.Errorf("%+v:\n%s", now, got)
		}
	}
}

func TestReadiness(t *testing.T) {
	for want, s := range map[string]Status{
		"": {Up: true, Capturing: true, Configuration: &proto.Progress{Applied: 5, Newest: 5}},
		"the client has no link to an edge: no answer":  {Capturing: true, LastError: "no answer"},
		"the client has no link to an edge":             {},
		"the client cannot capture what the edge wants": {Up: true},
		"the client has configuration 3 of 5":           {Up: true, Capturing: true, Configuration: &proto.Progress{Applied: 3, Newest: 5}},
	} {
		got := ""
		if err := s.Ready(); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%+v: %q, want %q", s, got, want)
		}
	}
}

// What takes a captured prefix is said once, as a warning, and --ready names it.
func TestStatusNotCapturing(t *testing.T) {
	const text, hint = "captured 172.16.0.0/12 leaves by eth0, not through oneping", "end the software that has made it"
	s := Status{
		Up: true, Link: new(link.Info), CaptureError: text, CaptureHint: hint, Warnings: []osroute.Warning{{Text: text, Hint: hint}},
		Configuration: &proto.Progress{Applied: 3, Newest: 3, Error: text},
	}
	var b strings.Builder
	if err := s.WriteText(&b, time.Time{}); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); strings.Count(got, text) != 1 || !strings.Contains(got, "warning   "+text+"\n          hint: "+hint+"\n") {
		t.Errorf("status says\n%s", got)
	}
	if err := s.Ready(); err == nil || err.Error() != "the client cannot capture what the edge wants: "+text || advice.Of(err) != hint {
		t.Errorf("Ready = %v, hint %q", err, advice.Of(err))
	}
	s.Configuration = &proto.Progress{Applied: 2, Newest: 3}
	b.Reset()
	if err := s.WriteText(&b, time.Time{}); err != nil || !strings.Contains(b.String(), "\nbehind ") {
		t.Errorf("behind, status says %v\n%s", err, b.String())
	}
}
