package edge

import (
	"context"
	"errors"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/local"
	onode "github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

func TestPrefixesAreChecked(t *testing.T) {
	for text, cfg := range map[string]Config{
		"edge configuration: prefix4: fd00::/64 is not an IPv4 prefix":                           {Prefix4: netip.MustParsePrefix("fd00::/64")},
		"edge configuration: prefix4: 127.0.0.0/8 is loopback: hosts do not take such addresses": {Prefix4: netip.MustParsePrefix("127.0.0.0/8")},
		"edge configuration: prefix6: 10.0.0.0/8 is not an IPv6 prefix":                          {Prefix6: netip.MustParsePrefix("10.0.0.0/8")},
	} {
		cfg.StateDir = t.TempDir()
		if _, err := New(cfg); err == nil || err.Error() != text || advice.Of(err) == "" {
			t.Errorf("%v, hint %q; want %s", err, advice.Of(err), text)
		}
	}
}

// store runs a store on dir while f uses it.
func store(t *testing.T, cfg state.Config, f func(*state.Store)) {
	t.Helper()
	s := state.New(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	select {
	case <-s.Ready():
		f(s)
	case err := <-done:
		t.Fatalf("run store: %v", err)
	}
	cancel()
	<-done
}

// An edge of before has given its own hop address to a device: it starts, as another hop; a hop
// that somebody configured is refused with the way out; a prefix that was changed too late is named.
func TestHopsThatDevicesHave(t *testing.T) {
	dir, p4 := t.TempDir(), netip.MustParsePrefix("10.9.0.0/29")
	before, err := New(Config{StateDir: dir})
	if err == nil {
		_, err = before.SetUp()
	}
	if err != nil {
		t.Fatal(err)
	}
	store(t, state.Config{Dir: dir, Prefix4: p4}, func(s *state.Store) {
		for i := range byte(6) {
			if _, err := s.AllocateDevice(t.Context(), model.Device{ID: "d" + string('0'+i), User: "alice", KeyHash: []byte{i}}); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.RevokeDevice(t.Context(), "d4"); err != nil { // 10.9.0.5
			t.Fatal(err)
		}
	})
	e, err := New(Config{StateDir: dir, Listen: "127.0.0.1:0", Hops: []netip.Addr{netip.MustParseAddr("10.9.0.6")}})
	if err != nil {
		t.Fatal(err)
	}
	err = e.Run(t.Context())
	const hint = "name an address that nobody has; or start with another one, revoke the device (oneping device revoke d5) and let it enrol anew"
	if err == nil || err.Error() != "edge configuration: hops: 10.9.0.6 is the address of device d5" || advice.Of(err) != hint {
		t.Errorf("%v, hint %q", err, advice.Of(err))
	}
	e = startEdge(t, Config{StateDir: dir, Prefix4: netip.MustParsePrefix("10.8.0.0/24")})
	st := e.Status()
	if got := st.Hops[0].String(); got != "10.9.0.5" && p4.Contains(st.Hops[0]) {
		t.Errorf("hop %s", got)
	}
	if p := st.Pools[0]; p.Prefix != p4 || p.Given != 6 || p.Ignored.String() != "10.8.0.0/24" {
		t.Errorf("pool: %+v", p)
	}
	var text strings.Builder
	if err := st.WriteText(&text, time.Now()); err != nil || !strings.Contains(text.String(), "10.9.0.0/29, 6 given, and not 10.8.0.0/24 as the configuration says\n") ||
		!strings.Contains(text.String(), "hint: devices have addresses of 10.9.0.0/29: write that in the configuration, or set up a new edge\n") {
		t.Errorf("status:\n%s", text.String())
	}
}

// A full pool is a refusal of its own at the node, and is said where the token is made.
func TestAFullPoolIsSaid(t *testing.T) {
	dir := t.TempDir()
	e := startEdge(t, Config{StateDir: dir, Prefix4: netip.MustParsePrefix("10.9.0.0/29"), Hops: []netip.Addr{netip.MustParseAddr("172.68.101.57")}})
	api := admin.NewClient(filepath.Join(dir, local.SocketName))
	for i := range byte(6) {
		if _, err := e.store.AllocateDevice(t.Context(), model.Device{ID: "d" + string('0'+i), User: "alice", KeyHash: []byte{i}}); err != nil {
			t.Fatal(err)
		}
	}
	const full = "the pool 10.9.0.0/29 is full: 6 devices have all of its addresses"
	tok, err := api.DeviceToken(t.Context(), "alice", 0)
	if err != nil || tok.Hint != full+", nobody can enrol; "+state.AdvicePool {
		t.Errorf("hint %q, %v", tok.Hint, err)
	}
	parsed, err := proto.ParseToken(tok.Token)
	if err != nil {
		t.Fatal(err)
	}
	n := onode.New(onode.Config{Role: proto.RoleClient, StateDir: t.TempDir(), TokenSource: func(context.Context) (proto.Token, bool, error) { return parsed, true, nil }})
	err = n.Enrol(t.Context()) // it does not try again
	if r, ok := errors.AsType[*link.RefusedError](err); !ok || r.Code != proto.CodePoolFull || r.Error() != "the edge refused: "+full || advice.Of(err) != "on the edge, "+state.AdvicePool {
		t.Errorf("%v, hint %q", err, advice.Of(err))
	}
}
