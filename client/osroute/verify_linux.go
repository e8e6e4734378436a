package osroute

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// verify asks the kernel whether what is captured goes into the device, and returns the first that
// does not; nil: all of it does. It adds a warning for what this host keeps.
func (r *Router) verify(a *applied) (*leak, error) {
	front, err := rulesInFront(a.cfg, a.stack)
	if err != nil {
		return nil, err
	}
	local, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fail("list addresses", err)
	}
	others, err := hostsOwn(a.stack)
	if err != nil {
		return nil, err
	}
	questions := []question{{}}
	for _, c := range a.connected {
		others = append(others, c.prefix)
	}
	tables := make(map[int]bool)
	for _, f := range front {
		if f.to.IsValid() {
			others = append(others, f.to)
		}
		for _, q := range asSources(f, local) {
			if !slices.Contains(questions, q) && len(questions) < maxQuestions {
				questions = append(questions, q)
			}
		}
		tables[f.table] = true
	}
	for table := range tables {
		prefixes, err := routesOf(table, a.stack)
		if err != nil {
			return nil, err
		}
		others = append(others, prefixes...)
	}
	list, next := probes(a.cfg, a.exempt, others, a.stack, r.asked)
	r.asked = next
	kernel, err := newKernel()
	if err != nil {
		return nil, err
	}
	defer kernel.close()
	for _, q := range questions {
		for _, p := range list {
			if q.src.IsValid() && q.src.Is6() != p.addr.Is6() {
				continue
			}
			way, err := kernel.way(p.addr, q)
			if err != nil {
				return nil, err
			}
			if !way.through(a.dev) {
				return kernel.explain(p, q, way, front), nil
			}
			if q == (question{}) && way.kind == kindLocal && !expected(a, p, local) {
				a.warn(kernel.kept(p))
			}
		}
	}
	return nil, nil
}

// hostsOwn returns the destinations that this host takes for its own.
func hostsOwn(stack families) (out []netip.Prefix, err error) {
	err = eachFamily(stack, func(v6 bool) error {
		have, err := list(func() ([]netlink.Route, error) {
			filter := &netlink.Route{Table: tableLocal, Type: unix.RTN_LOCAL}
			return netlink.RouteListFiltered(familyOf(v6), filter, netlink.RT_FILTER_TABLE|netlink.RT_FILTER_TYPE)
		})
		if err != nil {
			return fail("list routes of table local", err)
		}
		for _, x := range have {
			out = append(out, routeDst(x, v6))
		}
		return nil
	})
	return out, err
}

// expected says that a captured address is this host's own and nobody misses it: the client's, one in
// a network of the host, or any where everything is captured.
func expected(a *applied, p probe, local []netlink.Addr) bool {
	return slices.ContainsFunc(local, func(x netlink.Addr) bool {
		own := fromIPNet(x.IPNet)
		return own.Addr() == p.addr && (x.LinkIndex == a.dev || !own.IsSingleIP() || p.in.Bits() == 0)
	})
}

// warn adds a warning, once, as long as there are few.
func (a *applied) warn(w Warning) {
	if len(a.warnings) < maxWarnings && !slices.Contains(a.warnings, w) {
		a.warnings = append(a.warnings, w)
	}
}

// kept warns of an address that this host takes for its own.
func (k *kernel) kept(p probe) Warning {
	dst, dev := netip.PrefixFrom(p.addr, p.addr.BitLen()), 0
	if m, err := k.ask(p.addr, question{}, unix.RTM_F_LOOKUP_TABLE|unix.RTM_F_FIB_MATCH); err == nil {
		dst, dev = netip.PrefixFrom(p.addr, m.bits).Masked(), m.dev
	}
	return keptWarning(p.in, dst, nameOf(dev))
}

// nameOf returns the name of an interface.
func nameOf(dev int) string {
	if link, err := netlink.LinkByIndex(dev); err == nil {
		return link.Attrs().Name
	}
	return fmt.Sprint("interface ", dev)
}

// explain finds out which route takes a packet, and which rule has led there.
func (k *kernel) explain(p probe, q question, a answer, front []foreignRule) *leak {
	l := &leak{probe: p, table: a.table}
	if a.refused { // the kernel does not say in which table
		l.culprit = culpritOf(front, q.src, p.addr, func(foreignRule) bool { return true })
		return l
	}
	l.device = nameOf(a.dev)
	if dst, err := k.matched(p.addr, q); err == nil {
		l.route = dst
	}
	l.culprit = culpritOf(front, q.src, p.addr, func(f foreignRule) bool { return f.table == a.table })
	return l
}

// rulesInFront returns the rules that the kernel looks at before ours, but for its own.
func rulesInFront(cfg Config, stack families) (out []foreignRule, err error) {
	ours := cfg.Priority + offsetCapture
	err = eachFamily(stack, func(v6 bool) error {
		have, err := list(func() ([]netlink.Rule, error) { return netlink.RuleList(familyOf(v6)) })
		if err != nil {
			return fail("list rules", err)
		}
		for _, x := range have {
			mine := x.Protocol == ownProtocol && (x.Table == cfg.Table || x.Table == cfg.Table+1 || x.Priority >= cfg.Priority && x.Priority <= ours)
			kernels := x.Priority == 0 && x.Table == tableLocal
			if x.Priority > ours || mine || kernels {
				continue
			}
			out = append(out, foreignRule{rule: fromRule(x, v6), ask: questionOf(x), own: x.Protocol == ownProtocol})
		}
		return nil
	})
	return out, err
}

// questionOf returns a packet that the rule chooses, as far as it is not its destination.
func questionOf(x netlink.Rule) question {
	q := question{proto: uint8(x.IPProto), tos: uint8(x.Tos)}
	if x.UIDRange != nil {
		q.uid = x.UIDRange.Start
	}
	if x.Dport != nil {
		q.dport = x.Dport.Start
	}
	if x.Sport != nil {
		q.sport = x.Sport.Start
	}
	return q
}

// asSources returns what to ask because of a rule: as each of this host's addresses that it chooses,
// for sockets that are bound to one.
func asSources(f foreignRule, local []netlink.Addr) (out []question) {
	if !f.from.IsValid() || f.not || f.own {
		return []question{f.ask}
	}
	for _, x := range local {
		if a := fromIPNet(x.IPNet).Addr(); f.from.Contains(a) && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			f.ask.src = a
			out = append(out, f.ask)
		}
	}
	return out
}

// routesOf returns the destinations of a table's routes but for everything.
func routesOf(table int, stack families) (out []netip.Prefix, err error) {
	err = eachFamily(stack, func(v6 bool) error {
		have, err := list(func() ([]netlink.Route, error) {
			return netlink.RouteListFiltered(familyOf(v6), &netlink.Route{Table: table}, netlink.RT_FILTER_TABLE)
		})
		if err != nil {
			return fail(fmt.Sprintf("list routes of table %d", table), err)
		}
		for _, x := range have {
			if p := routeDst(x, v6); p.Bits() > 0 {
				out = append(out, p)
			}
		}
		return nil
	})
	return out, err
}

// kernel is asked for routes over one socket.
type kernel struct{ handle *nl.SocketHandle }

func newKernel() (*kernel, error) {
	sock, err := nl.Subscribe(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fail("ask for routes", err)
	}
	return &kernel{&nl.SocketHandle{Socket: sock}}, nil
}

func (k *kernel) close() { k.handle.Close() }

// way asks for the route of a packet to dst, without source and mark (RTM_GETROUTE). An error is
// the socket's; the kernel's no is an answer.
func (k *kernel) way(dst netip.Addr, q question) (answer, error) {
	m, err := k.ask(dst, q, unix.RTM_F_LOOKUP_TABLE)
	if errno := syscall.Errno(0); errors.As(err, &errno) {
		if errno == unix.EINVAL && q.src.IsValid() { // no address of this host any more
			return answer{kind: kindLocal}, nil
		}
		switch errno {
		case unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EACCES, unix.EINVAL:
			return answer{refused: true}, nil
		}
	}
	if err != nil {
		return answer{}, fail("ask for the route of "+dst.String(), err)
	}
	a := answer{kind: routeKind(m.kind), table: m.table, dev: m.dev}
	switch a.kind {
	case unix.RTN_BLACKHOLE, unix.RTN_UNREACHABLE, unix.RTN_PROHIBIT:
		a.refused = true
	}
	return a, nil
}

// matched returns the destination of the route that a packet takes.
func (k *kernel) matched(dst netip.Addr, q question) (netip.Prefix, error) {
	m, err := k.ask(dst, q, unix.RTM_F_LOOKUP_TABLE|unix.RTM_F_FIB_MATCH)
	if err != nil {
		return netip.Prefix{}, err
	}
	return netip.PrefixFrom(dst, m.bits).Masked(), nil
}

// routeAnswer is what matters of an RTM_NEWROUTE message.
type routeAnswer struct {
	bits, kind, table, dev int
}

func (k *kernel) ask(dst netip.Addr, q question, flags uint32) (routeAnswer, error) {
	req := nl.NewNetlinkRequest(unix.RTM_GETROUTE, unix.NLM_F_REQUEST)
	req.Sockets = map[int]*nl.SocketHandle{unix.NETLINK_ROUTE: k.handle}
	m := &nl.RtMsg{RtMsg: unix.RtMsg{Family: uint8(familyOf(dst.Is6())), Dst_len: uint8(dst.BitLen()), Tos: q.tos, Flags: flags}}
	req.AddData(m)
	req.AddData(nl.NewRtAttr(unix.RTA_DST, dst.AsSlice()))
	if q.src.IsValid() {
		m.Src_len = uint8(q.src.BitLen())
		req.AddData(nl.NewRtAttr(unix.RTA_SRC, q.src.AsSlice()))
	}
	if q.uid != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_UID, nl.Uint32Attr(q.uid)))
	}
	if q.proto != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_IP_PROTO, []byte{q.proto}))
	}
	if q.sport != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_SPORT, nl.BEUint16Attr(q.sport)))
	}
	if q.dport != 0 {
		req.AddData(nl.NewRtAttr(unix.RTA_DPORT, nl.BEUint16Attr(q.dport)))
	}
	msgs, err := req.Execute(unix.NETLINK_ROUTE, unix.RTM_NEWROUTE)
	if err != nil {
		return routeAnswer{}, err
	}
	if len(msgs) == 0 || len(msgs[0]) < unix.SizeofRtMsg {
		return routeAnswer{}, errors.New("no answer")
	}
	return parseRouteAnswer(msgs[0])
}

func parseRouteAnswer(b []byte) (routeAnswer, error) {
	out := routeAnswer{bits: int(b[1]), table: int(b[4]), kind: int(b[7])}
	attrs, err := nl.ParseRouteAttr(b[unix.SizeofRtMsg:])
	if err != nil {
		return routeAnswer{}, err
	}
	for _, a := range attrs {
		if len(a.Value) < 4 {
			continue
		}
		switch a.Attr.Type {
		case unix.RTA_TABLE:
			out.table = int(nl.NativeEndian().Uint32(a.Value))
		case unix.RTA_OIF:
			out.dev = int(nl.NativeEndian().Uint32(a.Value))
		}
	}
	return out, nil
}
