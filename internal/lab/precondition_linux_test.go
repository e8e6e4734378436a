package lab

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

func TestIDMapCovers(t *testing.T) {
	for table, want := range map[string]bool{
		"         0          0 4294967295\n": true,
		"         0       1000          1\n": false,
		"0 1000 1\n1 100000 65536\n":         true,
		"0 1000 1\n1 100000 65533\n":         false,
		"":                                   false,
		"x\n":                                false,
		"4294967295 0 4294967295\n":          false,
	} {
		if got := covers(table, ConnectorID); got != want {
			t.Errorf("covers(%q) = %t, want %t", table, got, want)
		}
	}
}

func TestExplainDenied(t *testing.T) {
	plain := errors.New("other")
	if ExplainDenied(plain, false) != plain {
		t.Error("explainDenied changed an error that is not about permission")
	}
	full := &os.PathError{Op: "fork/exec", Path: "x", Err: syscall.ENOSPC}
	help := ExplainDenied(full, false)
	if advice.Of(help) != "as root: sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000" {
		t.Errorf("ExplainDenied(%v) = %v, hint %q", full, help, advice.Of(help))
	}
	if again := ExplainDenied(help, false); again != help {
		t.Error("explainDenied hid a hint that was there")
	}
}
