package holder

import (
	"syscall"
	"testing"
)

func TestExitCode(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]int{0: 0, 7 << 8: 7, 9: 137, 15: 143} {
		if got := exitCode(status); got != want {
			t.Errorf("exitCode(%#x) = %d, want %d", int(status), got, want)
		}
	}
}
