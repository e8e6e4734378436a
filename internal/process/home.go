package process

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

// Home is what a role process holds while it runs: its state directory, locked,
// and the local socket at which its status is asked. The zero directory "" is no
// home at all: then every method succeeds and nothing is held. It is used by one
// goroutine.
type Home struct {
	role proto.Role
	dir  string
	log  *zap.Logger

	lock *os.File     // nil: not held
	ln   net.Listener // nil: not listening
	made string       // directory that was made for the socket alone; "" = none
}

// NewHome returns the home of a role in a state directory; it touches nothing yet.
func NewHome(role proto.Role, dir string, log *zap.Logger) *Home {
	return &Home{role: role, dir: dir, log: log}
}

// Lock makes the state directory where it is missing and locks it for this
// process: LockDir.
func (h *Home) Lock() (err error) {
	if h.dir == "" {
		return nil
	}
	if err = MakeStateDir(h.dir); err != nil {
		return err
	}
	h.lock, err = LockDir(h.dir, h.role)
	return err
}

// Listen makes the local socket. Who connects waits until Serve. Where the state directory cannot be
// written, as in a container whose root is read-only, the socket is in memory (memoryDir).
func (h *Home) Listen() (err error) {
	if h.dir == "" {
		return nil
	}
	h.ln, err = local.Listen(Socket(h.role, h.dir))
	if !Unwritable(err) {
		return err
	}
	socket, other := makeMemoryDir(h.role, h.dir)
	if other != nil {
		return err
	}
	ln, other := local.Listen(socket)
	if other != nil {
		return err
	}
	h.ln, h.made = ln, filepath.Dir(socket)
	return nil
}

// Serve tells the supervisor READY=1 and answers at the local socket, if there is
// one, until ctx ends; it never returns nil.
//
// This is the one rule of READY=1 for every role: a role calls Serve when all of it
// is up that needs no other machine. A link is no part of that: a machine that
// starts without a network must not wait for one.
func (h *Home) Serve(ctx context.Context, handler http.Handler) error {
	if err := notifyReady(); err != nil {
		h.log.Warn("cannot tell the supervisor", zap.Error(err), obs.Hint(err))
	}
	if h.ln == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	return local.ServeListener(ctx, h.ln, local.As(string(h.role), handler), obs.HTTPErrors(h.log))
}

// Close gives back what is held; after Serve there is no socket any more.
func (h *Home) Close() {
	if h.ln != nil {
		_ = h.ln.Close() // Serve has closed it
	}
	if h.made != "" {
		_ = os.Remove(h.made) // the next one makes it anew
	}
	if h.lock != nil {
		_ = h.lock.Close()
	}
}
