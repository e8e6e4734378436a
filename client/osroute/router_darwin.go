package osroute

import (
	"context"
	"fmt"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// Router owns the routing of one TUN device. Its methods may be called concurrently.
type Router struct{ table oneTable }

// New returns a Router that has done nothing yet.
func New(*zap.Logger) *Router {
	return &Router{table: oneTable{sys: darwinCalls{}, judge: darwinFault, halves: true}}
}

// Adopt has nothing to take over: the first Apply adopts the stop routes that it wants, too.
func (r *Router) Adopt(Config, string) error { return nil }

// Inherited says no: what is left is not recognised before Apply.
func (r *Router) Inherited() bool { return false }

// Apply makes addresses and routes what cfg wants: it adds what is missing, first what stops a
// leak, and removes what is no longer wanted. It may be called again at any time. After an error
// the rest is undone by Undo or completed by the next Apply.
func (r *Router) Apply(ctx context.Context, cfg Config) error { return r.table.Apply(ctx, cfg) }

// Warnings returns what a person should know about this host as of the last Apply.
func (r *Router) Warnings() []Warning { return r.table.Warnings() }

// Undo removes everything that Apply added. A Router that was never applied does nothing.
func (r *Router) Undo() error { return r.table.Undo() }

// Watch calls changed once at its start and after each burst of messages on the routing socket
// (routes, addresses and interfaces), which is when Apply should be called again. It blocks until
// ctx ends and returns its error, or why it cannot watch.
func (r *Router) Watch(ctx context.Context, changed func()) error {
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return r.table.fail("watch routes", err)
	}
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return r.table.fail("watch routes", err)
	}
	sock := os.NewFile(uintptr(fd), "route")
	buf := make([]byte, 4096)
	return watch(ctx, changed, sock.Close, func() (bool, error) {
		_, err := sock.Read(buf)
		return true, err
	})
}

// LinkControl returns a control function for net.ListenConfig and net.Dialer that binds a socket
// of the link to the interface of the host's default route (IP_BOUND_IF), so that its packets do
// not enter the TUN. The mark is for Linux. A socket on a loopback address, and one on a host
// without default route, stays unbound. After a change of network the link needs a new socket.
func LinkControl(uint32) func(network, address string, c syscall.RawConn) error {
	return func(network, address string, c syscall.RawConn) error {
		if ap, err := netip.ParseAddrPort(address); err == nil && ap.Addr().IsLoopback() {
			return nil
		}
		var err error
		if e := c.Control(func(fd uintptr) { err = bindUnderlay(int(fd), strings.HasSuffix(network, "6")) }); e != nil {
			return fmt.Errorf("bind link socket: %w", e)
		}
		if err != nil {
			return fmt.Errorf("bind link socket to the underlay's interface: %w", err)
		}
		return nil
	}
}

// bindUnderlay binds fd; an IPv6 socket may carry IPv4, too, so the IPv4 default route will do
// for it.
func bindUnderlay(fd int, v6 bool) error {
	if !v6 {
		if index := underlay(false); index != 0 {
			return unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_BOUND_IF, index)
		}
		return nil
	}
	index := underlay(true)
	if index == 0 {
		index = underlay(false)
	}
	if index == 0 {
		return nil
	}
	return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_BOUND_IF, index)
}
