package program

import (
	_ "embed" // the list
	"os/exec"
	"strings"
	"testing"
)

// needs is the list that scripts/test --install installs from.
//
//go:embed needs.txt
var needs string

// Needs ends a test whose programs are not all here (LeaveOut). It names each with its package, in
// the words that scripts/testsum knows: a test that is left out for want of a program has not failed.
func Needs(t testing.TB, programs ...string) {
	t.Helper()
	if missing := absent(programs); len(missing) > 0 {
		LeaveOut(t, "missing: "+strings.Join(missing, ", "))
	}
}

// absent returns those of the programs that are not in PATH, each with its Debian package.
func absent(programs []string) []string {
	var out []string
	for _, name := range programs {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if p := packageOf(name); p != "" {
			name += " (Debian: " + p + ")"
		}
		out = append(out, name)
	}
	return out
}

// Known says whether the list has a program.
func Known(name string) bool { return packageOf(name) != "" }

// packageOf returns the Debian package that has a program, "" where the list does not know it.
func packageOf(name string) string {
	for line := range strings.Lines(needs) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == name {
			return f[1]
		}
	}
	return ""
}
