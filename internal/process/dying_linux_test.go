package process

import (
	"os"
	"testing"
)

func TestDying(t *testing.T) {
	for stat, want := range map[string]bool{
		"7 (oneping) S 1 7 7 0 -1 4194560 1 0":          false,
		"7 (oneping) R 1 7 7 0 -1 4194564 1 0":          true, // PF_EXITING
		"7 (oneping) Z 1 7 7 0 -1 4194560 1 0":          true,
		"7 (a) Z 1 (b) S 1 7 7 0 -1 4194560 1 0":        false, // a command of that name
		"7 (one ping) Z) X 1 7 7 0 -1 0 1 0":            true,
		"":                                              false,
		"7 (oneping) S":                                 false,
		"7 (oneping) S 1 7 7 0 -1 18446744073709551615": true,
	} {
		if got := ending(stat); got != want {
			t.Errorf("%q: %v", stat, got)
		}
	}
	for status, want := range map[string]bool{
		"Name:\tx\nSigPnd:\t0000000000000000\nShdPnd:\t0000000000000000\n": false,
		"SigPnd:\t0000000000000100\nShdPnd:\t0000000000000000\n":           true,
		"SigPnd:\t0000000000000000\nShdPnd:\t0000000000000100\n":           true,
		"SigPnd:\t0000000000004000\nSigBlk:\t0000000000000100\n":           false, // SIGTERM; SIGKILL cannot be blocked
		"": false,
	} {
		if got := killed(status); got != want {
			t.Errorf("%q: %v", status, got)
		}
	}
	if dying(os.Getpid()) || dying(0) || dying(1<<30) {
		t.Error("a process that lives, or is none, is dying")
	}
}
