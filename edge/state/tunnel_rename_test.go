package state

import (
	"slices"
	"testing"

	"github.com/oneping/oneping/edge/model"
)

// A tunnel that is called otherwise keeps what is its own, and the grants that name it follow; no
// snapshot on the way has a grant that names no tunnel that exists.
func TestRenameTunnel(t *testing.T) {
	s, _ := open(t, Config{Dir: t.TempDir()})
	ctx := t.Context()
	office, err := s.CreateTunnel(ctx, "office")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.CreateTunnel(ctx, "home"); err != nil {
		t.Fatal(err)
	}
	if _, err := s.AddRoute(ctx, prefix("10.0.0.0/8"), "office"); err != nil {
		t.Fatal(err)
	}
	grants := []model.Grant{
		{ID: "a", Who: []string{"*"}, To: []string{"10.0.0.1", "tunnel:office", "tunnel:home"}, How: []string{"*"}},
		{ID: "b", Who: []string{"*"}, To: []string{"tunnel:home"}, How: []string{"*"}},
		{ID: "c", Who: []string{"*"}, To: []string{"tunnel:office"}, How: []string{"*"}},
	}
	if err := s.PutPolicy(ctx, model.Policy{Grants: grants}); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]Why{"Berlin!": BadName, "home": NameTaken} {
		if _, _, _, err := s.RenameTunnel(ctx, "office", name); why(err) != want {
			t.Errorf("to %s: %v", name, err)
		}
	}
	if _, _, _, err := s.RenameTunnel(ctx, "none", "berlin"); why(err) != NoTunnel {
		t.Errorf("none: %v", err)
	}
	seen := s.Changed()
	got, was, changed, err := s.RenameTunnel(ctx, "office", "berlin")
	if err != nil || got.ID != office.ID || got.Name != "berlin" || was != "office" || !slices.Equal(changed, []string{"a", "c"}) {
		t.Fatalf("renamed: %+v, %q, %q, %v", got, was, changed, err)
	}
	<-seen
	want := [][]string{{"10.0.0.1", "tunnel:berlin", "tunnel:home"}, {"tunnel:home"}, {"tunnel:berlin"}}
	sn := s.Snapshot()
	for i, g := range sn.Policy.Grants {
		if !slices.Equal(g.To, want[i]) {
			t.Errorf("grant %s: %q, want %q", g.ID, g.To, want[i])
		}
	}
	if r, ok := sn.Route(prefix("10.0.0.0/8")); !ok || sn.Tunnels[r.Tunnel].Name != "berlin" {
		t.Errorf("the route: %+v", r)
	}
	if _, was, changed, err := s.RenameTunnel(ctx, "berlin", "berlin"); err != nil || was != "berlin" || changed != nil {
		t.Errorf("to its own name: %q, %q, %v", was, changed, err)
	}
}

// Wherever a renaming is interrupted, saying it again brings it to its end.
func TestRenameTunnelAgain(t *testing.T) {
	for steps := range 3 {
		s, _ := open(t, Config{Dir: t.TempDir()})
		ctx := t.Context()
		tun, err := s.CreateTunnel(ctx, "office")
		if err != nil {
			t.Fatal(err)
		}
		if err := s.PutPolicy(ctx, model.Policy{Grants: []model.Grant{{ID: "a", To: []string{"tunnel:office"}}}}); err != nil {
			t.Fatal(err)
		}
		if steps > 0 {
			if err := s.renameInPolicy(ctx, "office", "berlin", true); err != nil {
				t.Fatal(err)
			}
			if to := s.Snapshot().Policy.Grants[0].To; !slices.Equal(to, []string{"tunnel:office", "tunnel:berlin"}) {
				t.Errorf("meanwhile: %q", to)
			}
		}
		if steps > 1 {
			if _, err := s.setName(ctx, tun.ID, "berlin"); err != nil {
				t.Fatal(err)
			}
		}
		got, was, _, err := s.RenameTunnel(ctx, "office", "berlin")
		if to := s.Snapshot().Policy.Grants[0].To; err != nil || got.ID != tun.ID || got.Name != "berlin" || was != "office" || !slices.Equal(to, []string{"tunnel:berlin"}) {
			t.Errorf("after %d steps: %+v, %q, %v; the grant %q", steps, got, was, err, to)
		}
	}
}
