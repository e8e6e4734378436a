package process

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

func takeHome(t *testing.T, role proto.Role, dir string) *Home {
	t.Helper()
	h := NewHome(role, dir, zap.NewNop())
	if err := errors.Join(h.Lock(), h.Listen()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	return h
}

// The second process of a role on one state directory ends at once and names the
// first, also where the first one's socket is elsewhere: a service's is in systemd's
// runtime directory.
func TestSecondHomeIsRefusedByName(t *testing.T) {
	for _, role := range []proto.Role{proto.RoleClient, proto.RoleConnector} {
		run := filepath.Join(t.TempDir(), "oneping", string(role))
		if err := os.MkdirAll(run, 0o755); err != nil {
			t.Fatal(err)
		}
		t.Setenv("RUNTIME_DIRECTORY", run)
		dir := filepath.Join(t.TempDir(), "made")
		first := takeHome(t, role, dir)
		t.Setenv("RUNTIME_DIRECTORY", "")
		second := NewHome(role, dir, zap.NewNop())
		err := second.Lock()
		want := fmt.Sprintf("state directory %s is in use by process %d (%s)", dir, os.Getpid(), strings.Join(os.Args, " "))
		if !errors.Is(err, ErrInUse) || err.Error() != want {
			t.Errorf("second %s: %v, want %s", role, err, want)
		}
		if want := "stop that " + string(role) + " first, or give this one another --state-dir"; advice.Of(err) != want {
			t.Errorf("hint %q, want %q", advice.Of(err), want)
		}
		if Unwritable(err) {
			t.Error("a directory in use looks like one that cannot be written")
		}
		first.Close()
		takeHome(t, role, dir) // free again
	}
}

func TestHomeServesAndSaysReady(t *testing.T) {
	path := filepath.Join(t.TempDir(), "notify")
	supervisor, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = supervisor.Close() }()
	t.Setenv("NOTIFY_SOCKET", path)
	for _, dir := range []string{t.TempDir(), ""} {
		h := takeHome(t, proto.RoleConnector, dir)
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() {
			done <- h.Serve(ctx, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { local.WriteJSON(w, 1) }))
		}()
		b := make([]byte, 64)
		if n, err := supervisor.Read(b); err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("the supervisor was told %q, %v", b[:n], err)
		}
		if dir != "" {
			if err := local.Get(t.Context(), Socket(proto.RoleConnector, dir), string(proto.RoleConnector), "/", nil); err != nil {
				t.Errorf("ready, and %v", err)
			}
		}
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("ended with %v", err)
		}
	}
}
