package holder

import (
	"errors"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/lab"
)

// What cannot be started has the exit code that a shell has for it, here and over the lab's socket.
func TestNotStarted(t *testing.T) {
	plain := filepath.Join(t.TempDir(), "plain")
	if err := os.WriteFile(plain, []byte("text"), 0o755); err != nil {
		t.Fatal(err)
	}
	start := func(program, dir string) error {
		path, err := findProgram(program, "/", []string{"PATH=/usr/bin:/bin"})
		if err == nil {
			_, err = syscall.ForkExec(path, []string{program}, &syscall.ProcAttr{Dir: dir})
			err = startError(err, dir)
		}
		return err
	}
	for _, c := range []struct {
		program, dir string
		code         int // 0: the lab's own failure
	}{
		{"no-such-program", "/", 127},
		{"/no/such/program", "/", 127},
		{"./no-such-program", "/", 127},
		{"/etc/passwd", "/", 126},
		{"/etc", "/", 126},
		{plain, "/", 126}, // not a format that the kernel knows
		{"/bin/sh", "/no/such/directory", 0},
	} {
		err := start(c.program, c.dir)
		r := notStarted(err, c.program)
		var not *lab.NotStartedError
		code := 0
		if errors.As(r.Err(), &not) {
			code = not.Code
		}
		if err == nil || code != c.code || r.Error == "" {
			t.Errorf("%s in %s: %v, code %d; want %d", c.program, c.dir, r.Err(), code, c.code)
		}
	}
}

func TestExplainMissing(t *testing.T) {
	_, err := findProgram("traceroute", "/", nil)
	err = explainMissing(err, "traceroute")
	if err.Error() != "traceroute: command not found" ||
		advice.Of(err) != "apt-get install traceroute (or the package of that name on your system)" {
		t.Errorf("explainMissing = %v, hint %q", err, advice.Of(err))
	}
	if other := errors.New("other"); explainMissing(other, "x") != other {
		t.Error("explainMissing changed another error")
	}
}
