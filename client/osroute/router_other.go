//go:build !linux && !darwin && !windows

package osroute

import (
	"context"
	"errors"
	"runtime"
	"syscall"

	"go.uber.org/zap"
)

// Router owns the routing of one TUN device; there is none on this system.
type Router struct{}

// New returns a Router that says no.
func New(*zap.Logger) *Router { return &Router{} }

// Adopt has nothing to take over.
func (r *Router) Adopt(Config, string) error { return nil }

// Inherited says no.
func (r *Router) Inherited() bool { return false }

// Apply says no.
func (r *Router) Apply(context.Context, Config) error {
	return failure("apply routing", errors.New("not supported on "+runtime.GOOS), "run the client on Linux, macOS or Windows")
}

// Watch waits for ctx.
func (r *Router) Watch(ctx context.Context, _ func()) error {
	<-ctx.Done()
	return ctx.Err()
}

// Warnings returns none.
func (r *Router) Warnings() []Warning { return nil }

// Undo has nothing to undo.
func (r *Router) Undo() error { return nil }

// LinkControl changes nothing.
func LinkControl(uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, _ syscall.RawConn) error { return nil }
}
