//go:build linux

package conformance

import (
	"flag"
	"testing"

	"github.com/oneping/oneping/test/program"
)

// bin is the program under test.
var bin string

func TestMain(m *testing.M) {
	flag.Parse()
	program.Main("conformance", func(oneping string) (int, error) {
		bin = oneping
		return m.Run(), nil
	})
}
