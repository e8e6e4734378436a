package local

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log"
	"net"
	"net/http"
	"os"
	"os/user"
	"strconv"
	"syscall"
	"time"

	"github.com/oneping/oneping/internal/advice"
)

// group may open the sockets, where it exists and this process may give them to it.
const group = "oneping"

// maxPath is the longest path that a socket address holds on every system
// (sun_path: 108 bytes on Linux, 104 on macOS, the last one zero).
const maxPath = 103

// winRefused is WSAECONNREFUSED of winsock2.h: syscall.ECONNREFUSED is a number of Go's own there.
const winRefused = syscall.Errno(10061)

// As is h with the role of this process in each answer.
func As(role string, h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(roleHeader, role)
		h.ServeHTTP(w, r)
	})
}

// Serve serves h on the Unix socket path until ctx ends; it never returns nil.
// A socket that a dead process left behind is replaced, one that a process
// still serves is refused by name.
func Serve(ctx context.Context, path string, h http.Handler) error {
	ln, err := Listen(path)
	if err != nil {
		return err
	}
	return ServeListener(ctx, ln, h, nil)
}

// Listen makes the socket. The caller passes the listener to ServeListener or closes it.
func Listen(path string) (net.Listener, error) {
	if len(path) > maxPath {
		return nil, &advice.Error{
			Text:   fmt.Sprintf("listen on %s: the path has %d bytes, a socket's may have %d", path, len(path), maxPath),
			Advice: "choose a shorter --state-dir",
		}
	}
	if err := removeStale(path); err != nil {
		return nil, err
	}
	ln, err := net.Listen("unix", path)
	if err != nil {
		return nil, &advice.Error{Text: err.Error(), Advice: listenHint(err), Cause: err}
	}
	if err := restrict(path, group); err != nil {
		_ = ln.Close()
		return nil, fmt.Errorf("restrict %s: %w", path, err)
	}
	return ln, nil
}

func listenHint(err error) string {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "the state directory does not exist; create it or pass another --state-dir"
	case errors.Is(err, fs.ErrPermission):
		return "this user may not write there; pass a --state-dir of your own"
	}
	return ""
}

// ServeListener is Serve on a socket made by Listen; it closes ln. What goes wrong on the way it
// says to trouble; nil = standard error.
func ServeListener(ctx context.Context, ln net.Listener, h http.Handler, trouble *log.Logger) error {
	srv := &http.Server{
		Handler:           guard(h),
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          trouble,
		BaseContext:       func(net.Listener) context.Context { return ctx },
		ConnContext:       withPeer,
	}
	stop := context.AfterFunc(ctx, func() { _ = srv.Close() })
	defer stop()
	err := srv.Serve(ln)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return fmt.Errorf("serve %s: %w", ln.Addr(), err)
}

// removeStale removes a socket that nobody serves any more.
func removeStale(path string) error {
	fi, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at %s: %w", path, err)
	}
	if fi.Mode()&fs.ModeSocket == 0 {
		return &advice.Error{Text: path + " exists and is not a socket", Advice: "move it away"}
	}
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		defer func() { _ = conn.Close() }()
	case errors.Is(err, fs.ErrNotExist): // gone meanwhile
		return nil
	case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, winRefused): // its owner is dead
		return os.Remove(path)
	case errors.Is(err, fs.ErrPermission):
		return &advice.Error{Text: "look at " + path + ": " + err.Error(), Advice: "another user's process owns it", Cause: err}
	default: // EAGAIN, for one: a living process whose queue is full
		return &advice.Error{
			Text:   "look at " + path + ": " + err.Error(),
			Advice: "a process may be serving it; stop that one, or use another --state-dir",
			Cause:  err,
		}
	}
	return &advice.Error{
		Text:   path + " is in use by " + holder(conn),
		Advice: "stop that process, or use another --state-dir for a second one",
	}
}

// Serving says whether a process listens on the socket path, also one that this user may not ask,
// and names it where the system tells.
func Serving(path string) (who string, ok bool) {
	conn, err := net.Dial("unix", path)
	switch {
	case err == nil:
		defer func() { _ = conn.Close() }()
		return holder(conn), true
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, winRefused):
		return "", false
	}
	_, err = os.Lstat(path) // below a directory of another's it may not be there at all
	return "another process", err == nil
}

// holder names the process at the other end of conn.
func holder(conn net.Conn) string {
	peer, ok := peerOf(conn)
	if !ok {
		return "another process"
	}
	return "process " + strconv.Itoa(peer.PID) + commandOf(peer.PID)
}

// restrict gives the socket to its owner and to the group; where there is no such group, or this
// user may not give it something, to the owner alone.
func restrict(path, group string) error {
	if err := os.Chmod(path, 0o600); err != nil {
		return err
	}
	g, err := user.LookupGroup(group)
	if err != nil {
		return nil
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil || groupOf(path) != gid && os.Lchown(path, -1, gid) != nil { // a unit of systemd may not change groups
		return nil
	}
	return os.Chmod(path, 0o660)
}
