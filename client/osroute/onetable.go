package osroute

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
)

// This file is the logic for systems with one routing table and no rules: macOS and Windows. It
// has no build tag, so that it is tested on Linux over a faked system; the real ones are
// calls_darwin.go and calls_windows.go.
//
// The longest prefix wins there, so the promises of the package are kept by the choice of prefixes:
//
//   - A connected prefix that is exempt (exempt.go) is the longer one, and wins by itself. One as long as a capture is
//     outbid by two halves, a shorter one by the capture; without exemptions each is captured like a capture of its own.
//     A gateway to the edge is left out: what lies around it is captured in parts.
//   - A static route of the host must not win: each that lies within a capture is outbid, on macOS by its two halves
//     (there is one route for a prefix), on Windows by the same prefix with a better metric. One of a single address
//     cannot be halved; a warning names it.
//   - The default route stays what it is: a capture of everything is two halves of everything. The link's own sockets
//     are bound to the underlay's interface, which looks at that interface's routes alone.
//   - No leak after a crash, when the system removes the TUN and its routes: a "stop" route that does not depend on the
//     TUN lies under each route through it: on macOS a reject route for the prefix under its two halves, on Windows
//     one for the same prefix to the loopback interface with the worst metric. The next start adopts them.

// hostRoute is a route wanted in the host's table, comparable: through the TUN, or a stop.
type hostRoute struct {
	dst  netip.Prefix
	stop bool
}

// seenRoute is a route found in the host's table.
type seenRoute struct {
	mainRoute
	via  netip.Addr // the router, zero = none
	stop bool
}

// calls is what the logic needs of a system. Errors are the system's own (syscall.Errno, possibly
// wrapped).
type calls interface {
	// Prepare finds the device, sets what belongs to the interface (MTU, metric, router
	// discovery) and brings it up.
	Prepare(device string, mtu int, v6 bool) error
	Addresses(device string) ([]netip.Prefix, error)
	AddAddress(device string, p netip.Prefix) error
	RemoveAddress(device string, p netip.Prefix) error
	// Routes returns the host's whole table, ours included.
	Routes() ([]seenRoute, error)
	AddRoute(device string, r hostRoute) error
	RemoveRoute(device string, r hostRoute) error
}

// oneTable applies Configs to a system with one table. It remembers what it added, because the
// system cannot tell.
type oneTable struct {
	sys    calls
	judge  func(error) fault
	halves bool // one route for a prefix: outbid with halves (macOS)

	warnings warnings

	// mu guards what follows.
	mu     sync.Mutex
	device string
	addrs  []netip.Prefix
	routes []hostRoute // in the order of adding
}

// Warnings returns what a person should know about this host as of the last Apply.
func (t *oneTable) Warnings() []Warning { return t.warnings.get() }

// Apply makes addresses and routes what cfg wants. What it added before a failure is remembered
// for Undo.
func (t *oneTable) Apply(ctx context.Context, cfg Config) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if t.device != "" && t.device != cfg.Device {
		if err := t.undo(); err != nil {
			return err
		}
	}
	t.device = cfg.Device
	if err := t.sys.Prepare(cfg.Device, cfg.MTU, firstAddr(cfg.Addrs, true).IsValid()); err != nil {
		return t.fail("prepare device "+cfg.Device, err)
	}
	var warnings []Warning
	without6, err := t.syncAddrs(cfg)
	if err != nil {
		return err
	}
	if without6 {
		cfg.Addrs = only4(cfg.Addrs)
		warnings = append(warnings, Warning{
			Text: "this host has no IPv6: captured IPv6 prefixes cannot be reached",
			Hint: "enable IPv6 on this host, then restart the client",
		})
	}
	table, err := t.sys.Routes()
	if err != nil {
		return t.fail("list routes", err)
	}
	more, err := t.syncRoutes(cfg, table, without6)
	if err != nil {
		return err
	}
	t.warnings.set(append(warnings, more...))
	return nil
}

// syncAddrs makes the device's addresses those of cfg. without6 says that the host refuses IPv6.
func (t *oneTable) syncAddrs(cfg Config) (without6 bool, err error) {
	have, err := t.sys.Addresses(cfg.Device)
	if err != nil {
		return false, t.fail("list addresses of "+cfg.Device, err)
	}
	have = slices.DeleteFunc(slices.Clone(have), func(p netip.Prefix) bool { return p.Addr().IsLinkLocalUnicast() })
	add, remove := diff(have, cfg.Addrs)
	for _, p := range remove {
		if err := t.sys.RemoveAddress(cfg.Device, p); err != nil && t.judge(err) != notThere {
			return false, t.fail("remove address "+p.String()+" of "+cfg.Device, err)
		}
	}
	t.addrs = slices.DeleteFunc(t.addrs, func(p netip.Prefix) bool { return slices.Contains(remove, p) })
	for _, p := range add {
		switch err := t.sys.AddAddress(cfg.Device, p); {
		case err == nil, t.judge(err) == alreadyThere:
			t.addrs = append(t.addrs, p)
		case lacksFamily(t.judge(err), p):
			without6 = true
		default:
			return false, t.fail("add address "+p.String()+" to "+cfg.Device, err)
		}
	}
	return without6, nil
}

// syncRoutes adds the missing routes, stops first, and then removes those no longer wanted.
func (t *oneTable) syncRoutes(cfg Config, table []seenRoute, without6 bool) ([]Warning, error) {
	want, warnings := wantHostRoutes(cfg, table, t.halves)
	there := present(table, cfg.Device)
	t.routes = slices.DeleteFunc(t.routes, func(r hostRoute) bool { return !there[r] })
	add, remove := diff(t.routes, want)
	for _, r := range add {
		switch err := t.sys.AddRoute(cfg.Device, r); {
		case err == nil, t.judge(err) == alreadyThere && there[r]:
			t.routes = append(t.routes, r) // one that is there already is a crashed predecessor's: adopt it
		case t.judge(err) == alreadyThere:
			warnings = append(warnings, takenWarning(r))
		case lacksFamily(t.judge(err), r.dst) && (r.stop || without6):
		default:
			return nil, t.fail("add route "+r.dst.String(), err)
		}
	}
	return warnings, t.removeRoutes(remove)
}

// lacksFamily reports whether adding p failed because the host does not speak IPv6 (Windows says
// "not found").
func lacksFamily(f fault, p netip.Prefix) bool {
	return p.Addr().Is6() && (f == noFamily || f == notThere)
}

// takenWarning is about a route that somebody else has for the very same prefix.
func takenWarning(r hostRoute) Warning {
	if r.stop {
		return Warning{
			Text: "this host has a route of its own for captured " + r.dst.String() + ", which its packets take if the client crashes",
			Hint: "remove that route, then restart the client",
		}
	}
	return Warning{
		Text: "captured " + r.dst.String() + " leaves this host by another route for the same prefix",
		Hint: "remove that route, then restart the client",
	}
}

// removeRoutes removes routes, tries all of them, and forgets those that are gone.
func (t *oneTable) removeRoutes(list []hostRoute) error {
	var errs []error
	removed := make(map[hostRoute]bool, len(list))
	for _, r := range list {
		if err := t.sys.RemoveRoute(t.device, r); err != nil && !gone(t.judge(err)) {
			errs = append(errs, t.fail("remove route "+r.dst.String(), err))
			continue
		}
		removed[r] = true
	}
	t.routes = slices.DeleteFunc(t.routes, func(x hostRoute) bool { return removed[x] })
	return errors.Join(errs...)
}

// Undo removes what Apply added, in the opposite order. What fails is kept for another Undo.
func (t *oneTable) Undo() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.device == "" {
		return nil
	}
	return t.undo()
}

func (t *oneTable) undo() error {
	list := slices.Clone(t.routes)
	slices.Reverse(list)
	errs := []error{t.removeRoutes(list)}
	for _, p := range slices.Backward(slices.Clone(t.addrs)) {
		if err := t.sys.RemoveAddress(t.device, p); err != nil && !gone(t.judge(err)) {
			errs = append(errs, t.fail("remove address "+p.String()+" of "+t.device, err))
			continue
		}
		t.addrs = slices.DeleteFunc(t.addrs, func(x netip.Prefix) bool { return x == p })
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	t.device = ""
	t.warnings.set(nil)
	return nil
}

// present returns the routes of the table that may be ours: stops, and what goes through the
// device.
func present(table []seenRoute, device string) map[hostRoute]bool {
	there := make(map[hostRoute]bool, len(table))
	for _, s := range table {
		if s.stop || s.device == device {
			there[hostRoute{dst: s.dst, stop: s.stop}] = true
		}
	}
	return there
}

func only4(addrs []netip.Prefix) []netip.Prefix {
	return slices.DeleteFunc(slices.Clone(addrs), func(p netip.Prefix) bool { return p.Addr().Is6() })
}
