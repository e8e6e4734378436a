package process

import (
	"testing"

	"github.com/oneping/oneping/proto"
)

func TestStateDirOfEnvironment(t *testing.T) {
	t.Setenv("ONEPING_STATE_DIR", "/oneping-lab/edge")
	if got := StateDir(proto.RoleEdge); got != "/oneping-lab/edge/edge" {
		t.Errorf("StateDir = %q", got)
	}
	t.Setenv("ONEPING_STATE_DIR", "relative")
	if got := StateDir(proto.RoleEdge); got == "relative/edge" {
		t.Errorf("StateDir = %q: a relative directory must not count", got)
	}
}

func TestStateDir(t *testing.T) {
	for _, c := range []struct {
		uid               int
		xdg, home, config string
		want              string
	}{
		{0, "/x", "/root", "", "/var/lib/oneping/edge"},
		{1000, "/x/state", "/home/a", "", "/x/state/oneping/edge"},
		{1000, "relative", "/home/a", "", "/home/a/.local/state/oneping/edge"},
		{1000, "", "/home/a", "", "/home/a/.local/state/oneping/edge"},
		{1000, "", "", "", ""},
		{1000, "relative", "", "", ""},
		{-1, "", "", "", ""},
		{-1, "", `/c`, "/appdata", "/appdata/oneping/edge"},
	} {
		if got := stateDir(proto.RoleEdge, c.uid, c.xdg, c.home, c.config); got != c.want {
			t.Errorf("uid %d, xdg %q: %s, want %s", c.uid, c.xdg, got, c.want)
		}
	}
}
