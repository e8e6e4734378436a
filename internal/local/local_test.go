package local

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"net/http"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

// serve serves h on a socket in a directory of its own until the test ends.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), SocketName)
	ln, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- ServeListener(ctx, ln, h, nil) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("serve ended with %v", err)
		}
	})
	return path
}

func TestAnswersAndErrorsCross(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/status", func(w http.ResponseWriter, r *http.Request) {
		p, ok := PeerOf(r)
		WriteJSON(w, map[string]any{"up": true, "known": ok, "pid": p.PID})
	})
	mux.HandleFunc("POST /v1/things", func(w http.ResponseWriter, _ *http.Request) {
		WriteError(w, http.StatusBadRequest, &advice.Error{Text: "that is no thing", Advice: "name a thing"})
	})
	mux.HandleFunc("DELETE /v1/things", func(http.ResponseWriter, *http.Request) {})
	path := serve(t, mux)
	var got struct {
		Up, Known bool
		PID       int
	}
	if err := Get(t.Context(), path, "client", "/v1/status", &got); err != nil {
		t.Fatal(err)
	}
	if !got.Up || got.Known && got.PID != os.Getpid() {
		t.Errorf("got %+v", got)
	}
	err := Do(t.Context(), path, "client", http.MethodPost, "/v1/things", map[string]string{"a": "b"}, nil)
	var e *StatusError
	if !errors.As(err, &e) || e.Status != http.StatusBadRequest || err.Error() != "that is no thing" || advice.Of(err) != "name a thing" {
		t.Errorf("got %v, hint %q", err, advice.Of(err))
	}
	if err := Do(t.Context(), path, "client", http.MethodDelete, "/v1/things", nil, nil); err != nil {
		t.Errorf("an answer without a body: %v", err)
	}
	if err := Do(t.Context(), path, "client", http.MethodPut, "/v1/nothing", nil, nil); err == nil || err.Error() != "Not Found" {
		t.Errorf("unknown path: %v", err)
	}
}

// TestAnotherRole: who names the state directory of another role hears whose it is, and no answer of
// that one is taken for an answer of the role that was asked.
func TestAnotherRole(t *testing.T) {
	path := serve(t, As("edge", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		WriteJSON(w, map[string]int{"mtu": 1500})
	})))
	got := make(map[string]int)
	if err := Get(t.Context(), path, "edge", "/v1/status", &got); err != nil || got["mtu"] != 1500 {
		t.Errorf("asked as the edge: %v, %v", got, err)
	}
	for _, role := range []string{"client", "connector"} {
		clear(got)
		err := Get(t.Context(), path, role, "/v1/status", &got)
		want := "connect to " + path + ": that is the socket of the edge, and not of the " + role
		if err == nil || err.Error() != want || advice.Of(err) != "name the state directory of the "+role+": --state-dir DIR" || len(got) != 0 {
			t.Errorf("asked as the %s: %v, %v, hint %q", role, got, err, advice.Of(err))
		}
	}
}

func TestSocketMode(t *testing.T) {
	path := serve(t, http.NotFoundHandler())
	own, err := user.LookupGroupId(strconv.Itoa(os.Getegid()))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]fs.FileMode{own.Name: 0o660, "no-such-group": 0o600, "": 0o600} {
		err := restrict(path, name)
		fi, statErr := os.Stat(path)
		if err != nil || statErr != nil || fi.Mode().Perm() != want {
			t.Errorf("group %q: mode %v, %v, %v; want %o", name, fi.Mode(), err, statErr, want)
		}
	}
}

func TestLiveSocketIsRefusedByName(t *testing.T) {
	path := serve(t, http.NotFoundHandler())
	_, err := Listen(path)
	if err == nil || !strings.HasPrefix(err.Error(), path+" is in use by process ") || !strings.Contains(err.Error(), os.Args[0]) {
		t.Errorf("got %v", err)
	}
	if err := Get(t.Context(), path, "client", "/", nil); err == nil || err.Error() != "Not Found" {
		t.Errorf("the first server after the attempt: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), SocketName)
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	ln.SetUnlinkOnClose(false)
	if err := ln.Close(); err != nil { // as kill -9 leaves it
		t.Fatal(err)
	}
	if err := Get(t.Context(), path, "client", "/", nil); !errors.Is(err, ErrNotRunning) {
		t.Errorf("a socket that nobody serves: %v", err)
	}
	again, err := Listen(path)
	if err != nil {
		t.Fatal(err)
	}
	_ = again.Close()
}

func TestWhatIsNoSocketIsKept(t *testing.T) {
	path := filepath.Join(t.TempDir(), SocketName)
	if err := os.WriteFile(path, []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Listen(path); err == nil || err.Error() != path+" exists and is not a socket" {
		t.Errorf("got %v", err)
	}
	if b, _ := os.ReadFile(path); string(b) != "mine" {
		t.Error("the file is gone")
	}
}

func TestErrorsOfListenAndDial(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "no", SocketName)
	if _, err := Listen(missing); advice.Of(err) != "the state directory does not exist; create it or pass another --state-dir" {
		t.Errorf("listen: %v, hint %q", err, advice.Of(err))
	}
	long := "/" + strings.Repeat("x", maxPath)
	if _, err := Listen(long); advice.Of(err) != "choose a shorter --state-dir" {
		t.Errorf("long path: %v, hint %q", err, advice.Of(err))
	}
	err := Get(t.Context(), missing, "client", "/", nil)
	if !errors.Is(err, ErrNotRunning) || err.Error() != "connect to "+missing+": no process is listening there" {
		t.Errorf("dial: %v", err)
	}
}

func TestChangesAreForRootAndOwner(t *testing.T) {
	for _, c := range []struct {
		method     string
		uid, owner int
		want       bool
	}{
		{http.MethodGet, 1000, 65534, true},
		{http.MethodHead, 1000, 65534, true},
		{http.MethodPost, 1000, 65534, false},
		{http.MethodDelete, 1000, 0, false},
		{http.MethodPut, 0, 65534, true},
		{http.MethodPost, 65534, 65534, true},
	} {
		if got := mayDo(c.method, c.uid, c.owner); got != c.want {
			t.Errorf("%s by uid %d at owner %d: %v, want %v", c.method, c.uid, c.owner, got, c.want)
		}
	}
}
