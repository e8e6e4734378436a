//go:build linux

package conformance

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/oneping/oneping/test/program"
)

// bin is the program under test.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: conformance:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll runs the tests on freshly built programs, or on those that the environment names.
func runAll(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "oneping-conformance-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the connector runs as nobody
		return 1, err
	}
	if bin, err = program.Get(dir, "oneping", "ONEPING_BIN", "../.."); err != nil {
		return 1, err
	}
	tool, err := program.Get(dir, "tool", "ONEPING_TOOL", "../e2e/tool")
	if err != nil {
		return 1, err
	}
	// Nodes find the helper by its name.
	if err := program.OnPath(tool); err != nil {
		return 1, err
	}
	return m.Run(), nil
}
