// Linux: rules and routes by rtnetlink, settings of the device below /proc/sys/net. CAP_NET_ADMIN
// in the user namespace that owns the network namespace is enough; root of the machine is not
// needed.
//
// Calls, with the errors that rtnetlink(7) and net/core/fib_rules.c, net/ipv4/fib_*.c,
// net/ipv6/route.c return:
//
//	RTM_NEWADDR   EEXIST there already · EACCES IPv6 is disabled on the device · ENODEV device gone · EPERM
//	RTM_NEWROUTE  EEXIST · ENETDOWN device down · EINVAL source is no address of this host · ENODEV · EPERM
//	RTM_DELROUTE  ESRCH not there
//	RTM_NEWRULE   EEXIST · EAFNOSUPPORT family missing or without multiple tables (CONFIG_IP_MULTIPLE_TABLES)
//	RTM_DELRULE   ENOENT not there
//	dumps         NLM_F_DUMP_INTR changed meanwhile (asked again) · recv: ENOBUFS events lost (treated as an event)
//	SO_MARK       EPERM without CAP_NET_ADMIN or CAP_NET_RAW

package osroute

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
	"golang.org/x/time/rate"
)

// ownProtocol marks the rules and routes that are ours (`ip rule`, `ip route` print "proto 117");
// 0 to 4 are the kernel's, 186 and up belong to routing daemons.
const ownProtocol = 117

// The rules move in front of other software's a few times at once, and then rarely: there is no war
// with one that does the same.
const (
	movesBurst = 6 // wg-quick alone adds four rules, one after the other
	movesEvery = 20 * time.Second
)

// Router owns the routing of one TUN device. Its methods may be called concurrently.
type Router struct {
	log      *zap.Logger
	warnings warnings

	// mu guards what follows.
	mu      sync.Mutex
	cfg     Config // the last one applied, with defaults
	claimed bool   // something may have been changed that Undo has to take back

	own       claim         // where this client's rules and routes are
	former    []int         // priorities of places that its rules had before, where some may be left
	moves     *rate.Limiter // of the rules in front of others'
	dev       int           // index of the device as of the last Apply, 0 = none
	asked     int           // the captured prefix with which the next verify begins
	left      []claim       // those of clients before, which are still there
	inherited bool          // rules were there at Adopt
	found     *deviceState  // how the device was before, nil: it was not there
	path      string        // of the journal, "" = none
	here      journal       // what every journal of this process says
}

// New returns a Router that has done nothing yet.
func New(log *zap.Logger) *Router {
	return &Router{log: log, moves: rate.NewLimiter(rate.Every(movesEvery), movesBurst)}
}

// Inherited says that Adopt has found rules of a client that was killed.
func (r *Router) Inherited() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.inherited
}

// Warnings returns what a person should know about this host as of the last Apply.
func (r *Router) Warnings() []Warning { return r.warnings.get() }

// Apply makes addresses, routes and rules what cfg wants: it adds what is missing, first what
// stops a leak, and removes what is no longer wanted. It may be called again at any time, also
// with another cfg for the same device. After an error the rest is still undone by Undo, or
// completed by the next Apply.
func (r *Router) Apply(ctx context.Context, cfg Config) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if cfg.Mark == 0 {
		return failure("apply routing", errors.New("no firewall mark: the link's own packets would enter the TUN"), "set a mark other than 0")
	}
	cfg = withDefaults(cfg)
	if r.claimed && (cfg.Device != r.own.Device || cfg.Table != r.own.Table) {
		if err := r.undo(); err != nil {
			return err
		}
	}
	if r.claimed {
		cfg.Priority = r.own.Priority // it may have moved
	}
	r.claim(cfg)
	for {
		a, err := r.apply(cfg)
		if err != nil {
			return err
		}
		r.undoLeft()
		l, err := r.verify(a)
		r.warnings.set(a.warnings)
		if err != nil || l == nil {
			return err
		}
		if !r.moveBefore(l) {
			return l.error()
		}
		cfg.Priority = r.own.Priority
	}
}

// applied is what apply has found and done.
type applied struct {
	cfg       Config // that this host can do
	dev       int    // index of the device
	connected []onlink
	exempt    []exemption
	stack     families
	warnings  []Warning
}

// claim notes where cfg wants its rules and routes, before they are there.
func (r *Router) claim(cfg Config) {
	moved := claimOf(cfg) != r.own
	r.cfg, r.own, r.claimed = cfg, claimOf(cfg), true
	if !moved {
		return
	}
	if err := r.writeDown(); err != nil {
		r.log.Warn("cannot keep the journal of changes to this host", zap.Error(err))
	}
}

// moveBefore moves our rules in front of the one that makes l leave; false where that cannot be, or
// would be too often.
func (r *Router) moveBefore(l *leak) bool {
	if l.culprit == nil || l.culprit.own {
		return false
	}
	priority, ok := inFront(l.culprit.priority)
	if !ok || !r.moves.Allow() {
		return false
	}
	r.log.Info("moving rules in front of another's", zap.String("rule", l.culprit.text()), zap.Stringer("captured", l.in),
		zap.Int("priority", priority))
	r.former = append(r.former, r.own.Priority)
	r.own.Priority = priority
	if err := r.writeDown(); err != nil {
		r.log.Warn("cannot keep the journal of changes to this host", zap.Error(err))
	}
	return true
}

// apply makes the host what cfg wants.
func (r *Router) apply(cfg Config) (*applied, error) {
	link, err := r.ownDevice(cfg.Device)
	if err != nil {
		return nil, err
	}
	stack := families{v4: true, v6: hasIPv6()}
	facts := hostFacts{ipv6: stack.v6 && readSysctl("ipv6", cfg.Device, "disable_ipv6") != 1, failed: settle(cfg.Device, stack.v6)}
	usable := cfg
	if !facts.ipv6 {
		usable.Addrs = only4(cfg.Addrs)
	}
	if err := setDevice(link, usable); err != nil {
		return nil, err
	}
	main, routers, err := readMain(stack)
	if err != nil {
		return nil, err
	}
	connected := connectedPrefixes(main, cfg.Device)
	exempt := exemptions(cfg, connected, underlayGateways(cfg, routers))
	gateways := nextHops(usable, main)
	if facts.ipv6 {
		if err := setRouters(link, slices.DeleteFunc(slices.Clone(gateways), netip.Addr.Is4)); err != nil {
			return nil, err
		}
	}
	want := wantRoutes(usable, link.Attrs().Index, gateways, exempt, stack)
	if err := r.syncTables(usable, exempt, want, stack); err != nil {
		return nil, err
	}
	facts.strict = strictInterfaces(cfg.Device)
	found := slices.Concat(hostWarnings(cfg, facts), localWarnings(cfg, connected, exempt), firewallWarnings(usable, readFirewall()))
	return &applied{usable, link.Attrs().Index, connected, exempt, stack, found}, nil
}

// syncTables adds routes, then rules, and then removes rules and routes that are not wanted, rules
// at former places among them.
func (r *Router) syncTables(cfg Config, exempt []exemption, want []tableRoute, stack families) error {
	haveRoutes, err := readRoutes(claimOf(cfg), stack)
	if err != nil {
		return err
	}
	haveRules, err := readRules(claimOf(cfg), stack, r.former...)
	if err != nil {
		return err
	}
	addRoutes, dropRoutes := diff(haveRoutes, want)
	dropRoutes = withoutReplaced(dropRoutes, addRoutes)
	addRules, dropRules := diff(haveRules, wantRules(cfg, exempt, stack))
	for _, x := range addRoutes {
		if err := addRoute(x); err != nil {
			return err
		}
	}
	for _, x := range addRules {
		if err := addRule(x); err != nil {
			return err
		}
	}
	if err := errors.Join(dropAll(dropRules, dropRule), dropAll(dropRoutes, dropRoute)); err != nil || len(r.former) == 0 {
		return err
	}
	r.former = nil
	return r.writeDown()
}

// Undo removes everything that Apply added and what Adopt found: rules, routes, addresses; a
// device that was there before is what it was, another one is left down, to be closed. A Router
// that was neither applied nor adopted anything does nothing. The device may be gone already.
func (r *Router) Undo() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.claimed {
		return nil
	}
	if err := r.undo(); err != nil {
		return err
	}
	return removeJournal(r.path)
}

func (r *Router) undo() error {
	var errs []error
	for _, c := range slices.Concat(r.left, r.places()) {
		_, err := c.undo()
		errs = append(errs, err)
	}
	if r.found != nil {
		_, err := r.found.putBack(true)
		errs = append(errs, err)
	} else {
		errs = append(errs, clearDevice(r.own.Device))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	r.claimed, r.left, r.former = false, nil, nil
	r.warnings.set(nil)
	return nil
}

// withoutReplaced leaves out of list the routes whose place one of added takes: the kernel has one
// unicast route for a destination and metric.
func withoutReplaced(list, added []tableRoute) []tableRoute {
	place := func(x tableRoute) tableRoute {
		return tableRoute{table: x.table, kind: x.kind, dst: x.dst, metric: x.metric}
	}
	taken := make(map[tableRoute]bool, len(added))
	for _, x := range added {
		taken[place(x)] = x.kind == unicast
	}
	return slices.DeleteFunc(list, func(x tableRoute) bool { return taken[place(x)] })
}

// places returns where our rules and routes are, or may be: the current place is the last.
func (r *Router) places() []claim {
	var out []claim
	for _, p := range r.former {
		out = append(out, claim{r.own.Device, r.own.Table, p})
	}
	return append(out, r.own)
}

// dropAll removes all of them, whatever happens to each.
func dropAll[T any](list []T, drop func(T) error) error {
	var errs []error
	for _, x := range list {
		errs = append(errs, drop(x))
	}
	return errors.Join(errs...)
}

// fail makes an *Error with the hint for what the kernel said; nil stays nil.
func fail(op string, err error) error {
	if err == nil {
		return nil
	}
	var hint string
	var missing netlink.LinkNotFoundError
	switch {
	case errors.Is(err, unix.EPERM):
		hint = "run the client as root or with CAP_NET_ADMIN"
	case errors.Is(err, unix.EACCES):
		hint = "a security module (SELinux, AppArmor) refuses it: sudo ausearch -m avc -ts recent, or dmesg, says which rule"
	case errors.Is(err, unix.EAFNOSUPPORT), errors.Is(err, unix.EOPNOTSUPP):
		hint = "this kernel lacks policy routing (CONFIG_IP_MULTIPLE_TABLES, CONFIG_IPV6_MULTIPLE_TABLES)"
	case errors.Is(err, unix.ENODEV), errors.As(err, &missing):
		hint = "the TUN device is gone: the client makes it anew; look again in a moment"
	case errors.Is(err, unix.ENETDOWN):
		hint = "the TUN device was set down: the client sets it up again; look again in a moment"
	}
	return failure(op, err, hint)
}

// LinkControl returns a control function for net.ListenConfig and net.Dialer that puts mark on a
// socket of the link, so that its packets do not enter the TUN. Without the right to do so it
// changes nothing: who may not set a mark could not make a TUN device either.
func LinkControl(mark uint32) func(network, address string, c syscall.RawConn) error {
	return func(_, _ string, c syscall.RawConn) error {
		if mark == 0 {
			return nil
		}
		var err error
		if e := c.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_MARK, int(mark))
		}); e != nil {
			return fmt.Errorf("mark link socket: %w", e)
		}
		if err != nil && !errors.Is(err, unix.EPERM) {
			return fmt.Errorf("mark link socket: %w", err)
		}
		return nil
	}
}
