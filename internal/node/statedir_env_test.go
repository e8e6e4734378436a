package node

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
