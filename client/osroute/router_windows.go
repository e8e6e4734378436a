package osroute

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"syscall"

	"go.uber.org/zap"
	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// Router owns the routing of one TUN device. Its methods may be called concurrently.
type Router struct{ table oneTable }

// New returns a Router that has done nothing yet.
func New(*zap.Logger) *Router {
	return &Router{table: oneTable{sys: windowsCalls{}, judge: windowsFault}}
}

// Adopt has nothing to take over: the first Apply adopts the stop routes that it wants, too.
func (r *Router) Adopt(Config, string) error { return nil }

// Inherited says no: what is left is not recognised before Apply.
func (r *Router) Inherited() bool { return false }

// Apply makes MTU, addresses and routes what cfg wants: it adds what is missing, first what stops
// a leak, and removes what is no longer wanted. It may be called again at any time. After an
// error the rest is undone by Undo or completed by the next Apply.
func (r *Router) Apply(ctx context.Context, cfg Config) error { return r.table.Apply(ctx, cfg) }

// Warnings returns what a person should know about this host as of the last Apply.
func (r *Router) Warnings() []Warning { return r.table.Warnings() }

// Undo removes everything that Apply added. A Router that was never applied does nothing.
func (r *Router) Undo() error { return r.table.Undo() }

// Watch calls changed once at its start and after each burst of changes to routes, addresses and
// interfaces, which is when Apply should be called again. It blocks until ctx ends and returns
// its error, or why it cannot watch.
func (r *Router) Watch(ctx context.Context, changed func()) error {
	n := notifier{events: make(chan struct{}, 1), closed: make(chan struct{})}
	if err := n.register(); err != nil {
		return errors.Join(r.table.fail("watch routes", err), n.stop())
	}
	return watch(ctx, changed, n.stop, n.next)
}

// notifier turns the system's callbacks into events.
type notifier struct {
	events chan struct{}
	closed chan struct{}
	once   sync.Once
	undo   []func() error
}

func (n *notifier) notify() {
	select {
	case n.events <- struct{}{}:
	default:
	}
}

func (n *notifier) register() error {
	routes, err := winipcfg.RegisterRouteChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPforwardRow2) { n.notify() })
	if err != nil {
		return err
	}
	n.undo = append(n.undo, routes.Unregister)
	addrs, err := winipcfg.RegisterUnicastAddressChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibUnicastIPAddressRow) { n.notify() })
	if err != nil {
		return err
	}
	n.undo = append(n.undo, addrs.Unregister)
	interfaces, err := winipcfg.RegisterInterfaceChangeCallback(func(winipcfg.MibNotificationType, *winipcfg.MibIPInterfaceRow) { n.notify() })
	if err != nil {
		return err
	}
	n.undo = append(n.undo, interfaces.Unregister)
	return nil
}

// next waits for an event.
func (n *notifier) next() (bool, error) {
	select {
	case <-n.events:
		return true, nil
	case <-n.closed:
		return false, context.Canceled
	}
}

// stop ends next and the callbacks.
func (n *notifier) stop() error {
	var errs []error
	n.once.Do(func() {
		close(n.closed)
		for _, undo := range n.undo {
			errs = append(errs, undo())
		}
	})
	return errors.Join(errs...)
}

// The socket options of ws2ipdef.h that x/sys does not name.
const ipUnicastIf, ipv6UnicastIf = 31, 31

// LinkControl returns a control function for net.ListenConfig and net.Dialer that binds a socket
// of the link to the interface of the host's best default route (IP_UNICAST_IF), so that its
// packets do not enter the TUN. The mark is for Linux. A socket on a loopback address, and one on
// a host without default route, stays unbound. After a change of network the link needs a new
// socket.
func LinkControl(uint32) func(network, address string, c syscall.RawConn) error {
	return func(network, address string, c syscall.RawConn) error {
		if ap, err := netip.ParseAddrPort(address); err == nil && ap.Addr().IsLoopback() {
			return nil
		}
		var err error
		if e := c.Control(func(fd uintptr) { err = bindUnderlay(windows.Handle(fd), strings.HasSuffix(network, "6")) }); e != nil {
			return fmt.Errorf("bind link socket: %w", e)
		}
		if err != nil {
			return fmt.Errorf("bind link socket to the underlay's interface: %w", err)
		}
		return nil
	}
}

// bindUnderlay binds fd for IPv4, and an IPv6 socket, which may carry IPv4, too, for both.
func bindUnderlay(fd windows.Handle, v6 bool) error {
	if index := underlay(false); index != 0 {
		err := windows.SetsockoptInt(fd, windows.IPPROTO_IP, ipUnicastIf, unicastIf4(index))
		if err != nil && !v6 {
			return err
		}
	}
	if index := underlay(true); v6 && index != 0 {
		return windows.SetsockoptInt(fd, windows.IPPROTO_IPV6, ipv6UnicastIf, int(index))
	}
	return nil
}
