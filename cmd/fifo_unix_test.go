//go:build unix

package cmd

import (
	"context"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Nobody writes into the FIFO that a file is: a command that is told to stop ends.
func TestFIFOsEnd(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	stopped, cancel := context.WithCancel(t.Context())
	cancel()
	for _, line := range []string{"client up --config", "client config check --config", "connector run --config", "edge run --config", "policy apply -f"} {
		code, stderr := execUnder(t, stopped, append(strings.Fields(line), fifo)...)
		if code != 0 || stderr != "" { // as whatever else is asked to stop
			t.Errorf("%s: code %d, %q", line, code, stderr)
		}
	}
}
