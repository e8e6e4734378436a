package program

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/lab"
)

// AllPorts returns the flags of `lab up` with a policy of their own: where they name none, the lab's,
// with all ports of UDP, as the servers of tests listen anywhere.
func AllPorts(t testing.TB, flags []string) []string {
	t.Helper()
	for _, f := range []string{"--policy", "--no-policy", "--plain", "--bare"} {
		if slices.Contains(flags, f) {
			return flags
		}
	}
	var o lab.Options
	if slices.Contains(flags, "--routers") {
		o.Routers = 1
	}
	text := strings.Replace(lab.DefaultPolicy(o.Inner()), "udp:53", "udp:*", 1)
	path := filepath.Join(t.TempDir(), "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	return append(slices.Clone(flags), "--policy", path)
}
