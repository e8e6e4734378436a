package osroute

import (
	"fmt"
	"hash/fnv"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// This file computes the Linux routing wanted for a Config. It is pure, and has no build tag so
// that it is read and tested everywhere.
//
// Three tables. T holds what is captured, T+1 a default route for packets that already have the
// device's address as their source, and S, once more, what is captured, as "unreachable": it is
// looked at behind T and depends on no device, so that a crash (the kernel removes the TUN and its
// routes), and whoever empties T, leave "host unreachable" instead of the default route. T+1 has
// such a route of the worst metric for the same reason. "throw" is for what stays with the host.
//
//	P    from DEVICE-ADDRESS lookup T             packets of the device: the same routes as without a source
//	P+1  from DEVICE-ADDRESS lookup T+1           what else has that source, and every reverse-path check on the TUN
//	P+2  to EDGE ipproto udp dport PORT lookup main      the underlay, for reverse-path checks on its own interface
//	P+3  not fwmark MARK lookup T                 everything captured; "throw" for what is exempt
//	P+4  not fwmark MARK lookup S                 what T should have had; it throws the same
//	P+5  to EXEMPT lookup main suppress_prefixlength BITS-1   what both have thrown: its connected route, never a shorter one
//	P+6  to EXEMPT lookup T+1                     without its connected route it is captured, too
//
// Why "throw": the longest prefix decides within one table, so a capture within an exempt prefix
// wins over it, whatever their number. What is exempt says exempt.go.
//
// Why P: a "packet too big" is learnt for the route of the packet that it quotes, which has a
// source, and must hold for the next packet of a socket that has none yet: both must find the
// same route (measured: with P+1 alone ping never learns).
//
// Why P+1: the kernel checks the source of a packet that arrives on the TUN by looking up the way
// back, from the device's address to that source. Loose rp_filter (2) wants any route, strict (1,
// and conf.all=1 makes it so where the TUN's own value is 0) wants one through the TUN. A router
// behind the connector may have any address, and a laptop may have no default route; with this
// rule the answer is always "through the TUN" (measured with rp_filter 0, 1 and 2).
//
// Why suppress_prefixlength, and P+6: after a connected prefix disappears, its throw remains for a
// moment, and the lookup in main would find the default route and leak.

const (
	baseTable    = 7844
	basePriority = 5000
	tableMain    = 254
	tableLocal   = 255
	priorityMain = 32766 // of the kernel's own rule for the main table
	slots        = 1000

	offsetFrom, offsetDefault, offsetUnderlay, offsetCapture, offsetStop, offsetExempt, offsetLost = 0, 1, 2, 3, 4, 5, 6
	priorities                                                                                     = 7

	metricGateway  = 90
	metricDevice   = 100
	metricBackstop = 65000

	protoUDP = 17
)

// slot numbers a device name, so that two clients on one machine have tables and priorities of
// their own, and a restarted client the same ones again: the N of onepingN, else a hash.
func slot(device string) int {
	if digits, ok := strings.CutPrefix(device, "oneping"); ok {
		if n, err := strconv.ParseUint(digits, 10, 8); err == nil && n < 100 {
			return int(n)
		}
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(device))
	return 100 + int(h.Sum32()%(slots-100))
}

// slotClaim is what the device of a slot has by default.
func slotClaim(device string, slot int) claim {
	return claim{Device: device, Table: baseTable + 2*slot, Priority: basePriority + priorities*slot}
}

// stopTable is the table S that belongs to a table T.
func stopTable(table int) int { return table + 2*slots }

// slotOf returns the slot of a rule's priority or a route's table, false for one that is no
// client's by default.
func slotOf(number, base, each int) (int, bool) {
	n := (number - base) / each
	return n, number >= base && n < slots
}

// placesOf returns where rules of ours are, whose tables say of which slot they are: also when they
// have moved. Those that look into the main table lie within the place of others.
func placesOf(rules []rule) (out []claim) {
	for _, x := range rules {
		slot, ok := slotOf(x.table, baseTable, 2)
		second := (x.table-baseTable)%2 == 1
		offset := offsetFrom
		switch {
		case !ok:
			continue
		case x.from.IsValid() && second:
			offset = offsetDefault
		case x.from.IsValid():
		case second:
			offset = offsetLost
		default:
			offset = offsetCapture
		}
		c := claim{Table: slotClaim("", slot).Table, Priority: x.priority - offset}
		if !slices.ContainsFunc(out, c.same) {
			out = append(out, c)
		}
	}
	return out
}

// withDefaults fills in table and priority.
func withDefaults(cfg Config) Config {
	own := slotClaim(cfg.Device, slot(cfg.Device))
	if cfg.Table == 0 {
		cfg.Table = own.Table
	}
	if cfg.Priority == 0 {
		cfg.Priority = own.Priority
	}
	return cfg
}

// rule is an ip rule, comparable.
type rule struct {
	v6       bool
	priority int
	from, to netip.Prefix // zero = all
	not      bool
	mark     uint32
	proto    int
	dport    uint16
	table    int
	suppress int // routes of at most this prefix length do not count; -1 = all count
}

// text is the rule as "ip rule" prints it, near enough.
func (r rule) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d:", r.priority)
	if r.not {
		b.WriteString(" not")
	}
	if r.from.IsValid() {
		fmt.Fprintf(&b, " from %s", r.from)
	} else {
		b.WriteString(" from all")
	}
	if r.to.IsValid() {
		fmt.Fprintf(&b, " to %s", r.to)
	}
	if r.mark != 0 {
		fmt.Fprintf(&b, " fwmark %#x", r.mark)
	}
	if r.dport != 0 {
		fmt.Fprintf(&b, " ipproto %d dport %d", r.proto, r.dport)
	}
	fmt.Fprintf(&b, " lookup %s", tableName(r.table))
	if r.suppress >= 0 {
		fmt.Fprintf(&b, " suppress_prefixlength %d", r.suppress)
	}
	return b.String()
}

// routeKind is the type of a route, with the kernel's numbers.
type routeKind int

const (
	unicast     routeKind = 1
	unreachable routeKind = 7
	throw       routeKind = 9
)

// tableRoute is a route of one of our tables, comparable. dev is 0 for the kinds that have none.
type tableRoute struct {
	table  int
	kind   routeKind
	dst    netip.Prefix
	dev    int
	via    netip.Addr // zero = none
	src    netip.Addr
	metric int
}

// text is the route as "ip route" prints it, near enough.
func (r tableRoute) text() string {
	kind := ""
	switch r.kind {
	case unreachable:
		kind = "unreachable "
	case throw:
		kind = "throw "
	}
	return fmt.Sprintf("%s%s table %d metric %d", kind, r.dst, r.table, r.metric)
}

// families says which address families this host lets us use.
type families struct{ v4, v6 bool }

func (f families) has(v6 bool) bool { return v6 && f.v6 || !v6 && f.v4 }

// wantRules returns the rules for cfg, in the order in which they are to be added: exceptions
// before the capture.
func wantRules(cfg Config, exempt []exemption, host families) []rule {
	var out []rule
	add := func(r rule) {
		if host.has(r.v6) && !slices.Contains(out, r) {
			out = append(out, r)
		}
	}
	for _, u := range cfg.Underlay {
		a := u.Addr().Unmap()
		add(rule{v6: a.Is6(), priority: cfg.Priority + offsetUnderlay, to: netip.PrefixFrom(a, a.BitLen()), proto: protoUDP, dport: u.Port(), table: tableMain, suppress: -1})
	}
	for _, e := range exempt {
		v6 := e.prefix.Addr().Is6()
		add(rule{v6: v6, priority: cfg.Priority + offsetExempt, to: e.prefix, table: tableMain, suppress: e.least - 1})
		add(rule{v6: v6, priority: cfg.Priority + offsetLost, to: e.prefix, table: cfg.Table + 1, suppress: -1})
	}
	for _, a := range cfg.Addrs {
		from := netip.PrefixFrom(a.Addr(), a.Addr().BitLen())
		add(rule{v6: a.Addr().Is6(), priority: cfg.Priority + offsetFrom, from: from, table: cfg.Table, suppress: -1})
		add(rule{v6: a.Addr().Is6(), priority: cfg.Priority + offsetDefault, from: from, table: cfg.Table + 1, suppress: -1})
	}
	for _, v6 := range []bool{false, true} {
		add(rule{v6: v6, priority: cfg.Priority + offsetStop, not: true, mark: cfg.Mark, table: stopTable(cfg.Table), suppress: -1})
		add(rule{v6: v6, priority: cfg.Priority + offsetCapture, not: true, mark: cfg.Mark, table: cfg.Table, suppress: -1})
	}
	return out
}

// wantRoutes returns the routes of both tables for cfg in the order in which they are to be
// added: what stops a leak before what captures. A family without a device address is not routed
// through the device, where its packets would have the source of another interface: it is
// unreachable.
func wantRoutes(cfg Config, dev int, gateways []netip.Addr, exempt []exemption, host families) []tableRoute {
	var stay, stop, through []tableRoute
	for _, e := range exempt {
		if host.has(e.prefix.Addr().Is6()) {
			for _, table := range []int{cfg.Table, stopTable(cfg.Table)} {
				stay = append(stay, tableRoute{table: table, kind: throw, dst: e.prefix, metric: metricDevice})
			}
		}
	}
	prefixes := captured(cfg)
	for _, p := range stays() {
		if host.has(p.Addr().Is6()) && !p.Addr().IsLoopback() {
			for _, table := range []int{cfg.Table, cfg.Table + 1, stopTable(cfg.Table)} {
				stay = append(stay, tableRoute{table: table, kind: throw, dst: p, metric: metricDevice})
			}
		}
	}
	add := func(table int, p netip.Prefix) {
		v6 := p.Addr().Is6()
		if !host.has(v6) {
			return
		}
		backstop := table
		if table == cfg.Table {
			backstop = stopTable(table)
		}
		stop = append(stop, tableRoute{table: backstop, kind: unreachable, dst: p, metric: metricBackstop})
		if src := firstAddr(cfg.Addrs, v6); src.IsValid() {
			r := tableRoute{table: table, kind: unicast, dst: p, dev: dev, src: src, metric: metricDevice}
			if via := firstOf(gateways, v6); via.IsValid() && table == cfg.Table && p != netip.PrefixFrom(via, via.BitLen()) {
				r.via, r.metric = via, metricGateway
			}
			through = append(through, r)
		}
	}
	for _, p := range prefixes {
		add(cfg.Table, p)
	}
	for _, v6 := range []bool{false, true} {
		if firstAddr(cfg.Addrs, v6).IsValid() || slices.ContainsFunc(exempt, func(e exemption) bool { return e.prefix.Addr().Is6() == v6 }) {
			add(cfg.Table+1, everything(v6))
		}
	}
	return slices.Concat(stay, stop, through)
}

// nextHops returns the edge's hop addresses that routes may name as their gateway. A TUN has no
// use for one, but tools have: to nmap a destination without a gateway is a neighbour, whose path
// it does not trace; and to the kernel each IPv6 destination is a neighbour then, for which it
// keeps an entry. IPv6 takes no gateway to which the main table knows another way.
func nextHops(cfg Config, main []mainRoute) []netip.Addr {
	var out []netip.Addr
	for _, hop := range cfg.Hops {
		hop = hop.Unmap()
		elsewhere := slices.ContainsFunc(main, func(r mainRoute) bool {
			return r.device != cfg.Device && r.dst.Bits() > 0 && r.dst.Contains(hop)
		})
		if hop.IsValid() && !elsewhere {
			out = append(out, hop)
		}
	}
	return out
}

func firstOf(addrs []netip.Addr, v6 bool) netip.Addr {
	i := slices.IndexFunc(addrs, func(a netip.Addr) bool { return a.Is6() == v6 })
	if i < 0 {
		return netip.Addr{}
	}
	return addrs[i]
}

// mainRoute is what the choice of connected prefixes needs to know of a route in the main table.
type mainRoute struct {
	dst       netip.Prefix
	device    string
	gateway   bool // or several next hops, or not of type unicast
	byAddress bool // made by the kernel for an address, or by the network manager from a router advertisement or DHCP
}

// connectedPrefixes returns the directly connected prefixes of interfaces other than the TUN.
// Static routes are not among them, with or without gateway: a static 172.16.0.0/12 must not win
// over a capture.
func connectedPrefixes(routes []mainRoute, device string) []onlink {
	var out []onlink
	for _, r := range routes {
		if r.gateway || !r.byAddress || !r.dst.IsValid() || r.dst.Bits() == 0 || r.device == device || r.device == "" {
			continue
		}
		if slices.ContainsFunc(stays(), func(s netip.Prefix) bool { return covers(s, r.dst) }) {
			continue
		}
		if !slices.ContainsFunc(out, func(o onlink) bool { return o.prefix == r.dst }) {
			out = append(out, onlink{prefix: r.dst, device: r.device})
		}
	}
	slices.SortFunc(out, func(a, b onlink) int { return a.prefix.Compare(b.prefix) })
	return out
}

// hostFacts is what the warnings about a Linux host are made from.
type hostFacts struct {
	ipv6   bool     // the host has IPv6 and lets new interfaces use it
	strict []string // other interfaces whose rp_filter is strict (1)
	failed []string // settings of the device that could not be written
}

// hostWarnings returns what a person should know about a Linux host with cfg applied. Strict
// rp_filter on the TUN itself is not among it: the rule for packets from the device's address
// answers it, see above.
func hostWarnings(cfg Config, s hostFacts) []Warning {
	var out []Warning
	if len(s.failed) > 0 {
		out = append(out, Warning{
			Text: "cannot write " + strings.Join(s.failed, ", ") + " below /proc/sys/net: " + cfg.Device + " may send neighbour and router discovery into the tunnel, where it is dropped",
			Hint: "mount /proc/sys read-write in this container, or ignore this",
		})
	}
	if !s.ipv6 && firstAddr(cfg.Addrs, true).IsValid() {
		out = append(out, Warning{
			Text: "this host has no IPv6: captured IPv6 prefixes are unreachable",
			Hint: "sudo sysctl -w net.ipv6.conf.all.disable_ipv6=0 net.ipv6.conf.default.disable_ipv6=0, then restart the client",
		})
	}
	if len(s.strict) > 0 && coversUnderlay(cfg) {
		what := "the edge's answers"
		if len(cfg.Underlay) > 0 {
			what = "ICMP errors from the way to the edge, and answers of name servers to the client itself,"
		}
		out = append(out, Warning{
			Text: "the way to the edge is captured and rp_filter is strict on " + strings.Join(s.strict, ", ") + ": " + what + " are dropped by this host",
			Hint: "sudo sysctl -w net.ipv4.conf." + strings.ReplaceAll(s.strict[0], ".", "/") + ".rp_filter=2",
		})
	}
	return out
}

// coversUnderlay reports whether a captured IPv4 prefix holds the edge, or everything.
func coversUnderlay(cfg Config) bool {
	return slices.ContainsFunc(captured(cfg), func(p netip.Prefix) bool {
		return p == everything(false) || slices.ContainsFunc(cfg.Underlay, func(u netip.AddrPort) bool { return p.Contains(u.Addr().Unmap()) })
	})
}
