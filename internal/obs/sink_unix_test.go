//go:build unix

package obs

import (
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// logTo returns a logger to a pipe, and the pipe's other end.
func logTo(t *testing.T) (*zap.Logger, *os.File, *os.File) {
	t.Helper()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = r.Close(), w.Close() })
	return zap.New(newCore(w, encoder(false), zapcore.InfoLevel)), r, w
}

// TestLogIsNeverWaitedFor: a reader who stands still costs lines, and is told how many once he
// reads again. What he gets are whole lines.
func TestLogIsNeverWaitedFor(t *testing.T) {
	log, r, w := logTo(t)
	log = log.With(zap.String(FieldRole, "client"))
	text := strings.Repeat("x", 900)
	sent := 0
	for ; Lost(log) < 3; sent++ {
		log.Info(text) // hangs here for ever where it waits
	}
	written := sent - 3
	read := json.NewDecoder(r)
	line := func() (l struct {
		Msg, Role string
		Lines     int
	},
	) {
		t.Helper()
		if err := read.Decode(&l); err != nil {
			t.Fatal(err)
		}
		return l
	}
	for range written {
		if l := line(); l.Msg != text || l.Role != "client" {
			t.Fatalf("line %+v", l)
		}
	}
	log.Warn("again")
	if l := line(); l.Msg != "log lines lost: nobody took them" || l.Lines != 3 {
		t.Errorf("the notice is %+v", l)
	}
	if l := line(); l.Msg != "again" {
		t.Errorf("afterwards %+v", l)
	}
	log.Info("once more")
	if l := line(); l.Msg != "once more" || Lost(log) != 3 {
		t.Errorf("then %+v, %d lost", l, Lost(log))
	}
	_ = w.Close()
	if rest, err := io.ReadAll(r); err != nil || len(rest) > 1 {
		t.Errorf("more was written: %q, %v", rest, err)
	}
}

// TestLogOfALongLine: a line that fits in part is torn; what comes later begins a line of its own.
func TestLogOfALongLine(t *testing.T) {
	log, r, _ := logTo(t)
	log.Info(strings.Repeat("y", 1<<20))
	if Lost(log) != 1 {
		t.Fatalf("%d lost", Lost(log))
	}
	buf := make([]byte, 1<<20)
	n, err := r.Read(buf)
	if err != nil || !strings.HasPrefix(string(buf[:n]), `{"level":"info"`) {
		t.Fatalf("%d bytes, %v", n, err)
	}
	log.Info("short")
	n, err = r.Read(buf)
	if got := string(buf[:n]); err != nil || !strings.HasPrefix(got, "\n{") || strings.Count(got, "\n") != 3 {
		t.Errorf("%q, %v", got, err)
	}
}

// TestLogWithoutReader counts what goes to a pipe that was closed.
func TestLogWithoutReader(t *testing.T) {
	log, r, _ := logTo(t)
	_ = r.Close()
	log.Info("one")
	log.Info("two")
	if Lost(log) != 2 || LostText(Lost(log)) != "2 lines lost: nobody took them from standard error" {
		t.Errorf("%d lost: %s", Lost(log), LostText(Lost(log)))
	}
	if Lost(zap.NewNop()) != 0 {
		t.Error("another logger lost something")
	}
}
