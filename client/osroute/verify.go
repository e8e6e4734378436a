package osroute

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/oneping/oneping/internal/advice"
)

// This file says what the kernel is asked after a change, and what its answers mean. It is pure;
// verify_linux.go asks. Other software may have rules before ours (wg-quick and whoever adds a rule
// without a number: the kernel gives it the one before the first), and then it is their table that
// decides. Whether it does is not guessed: for an address of each captured prefix the kernel is
// asked where it would send a packet without source and mark.

const (
	maxProbes    = 1024 // that the kernel is asked at once, some 10 µs each; of more, others the next time
	maxWarnings  = 32   // after which what the host keeps is not told any more
	maxQuestions = 8    // rules that choose by user, protocol or port, each asked about on its own
)

// foreignRule is somebody else's rule before ours.
type foreignRule struct {
	rule
	ask question // what it chooses besides the destination; zero = all packets
	own bool     // of another client of ours
}

// text is the rule as "ip rule" prints it, near enough.
func (f *foreignRule) text() string {
	if text, ok := strings.CutSuffix(f.rule.text(), "lookup 0"); ok {
		return text + "(refuses)" // unreachable, prohibit or blackhole
	}
	return f.rule.text()
}

// question is what a packet has besides its destination.
type question struct {
	src          netip.Addr // of a socket that is bound to it; zero: the kernel chooses
	uid          uint32
	proto        uint8
	sport, dport uint16
	tos          uint8
}

// probe is one address of a captured prefix.
type probe struct {
	addr netip.Addr
	in   netip.Prefix
}

// answer is where the kernel sends a packet.
type answer struct {
	dev     int // of a route that leads somewhere
	kind    routeKind
	table   int
	refused bool // nowhere: unreachable, prohibit, blackhole or no route
}

// Kinds of a route that are the host's own business: its addresses, broadcast, multicast.
const (
	kindLocal     routeKind = 2
	kindBroadcast routeKind = 3
	kindMulticast routeKind = 5
)

// through says that a captured packet with this answer goes where it belongs.
func (a answer) through(dev int) bool {
	if a.refused {
		return false
	}
	return a.dev == dev || a.kind == kindLocal || a.kind == kindBroadcast || a.kind == kindMulticast
}

// probes returns the first and the last address of each captured prefix, and of what others within
// or around it overlap: connected prefixes, and what rules and routes of others name. What is
// exempt is not asked about, nor a family in which the device has no address. from is where it
// began to leave prefixes out the last time; next is where it does now.
func probes(cfg Config, exempt []exemption, others []netip.Prefix, host families, from int) (out []probe, next int) {
	list := captured(cfg)
	captures, stay := newCover(list), newCover(stays())
	for _, e := range exempt {
		stay.add(e.prefix)
	}
	seen := make(map[netip.Addr]bool)
	add := func(a netip.Addr) {
		one := netip.PrefixFrom(a, a.BitLen())
		in, ok := captures.longest(one)
		if !ok || seen[a] || !host.has(a.Is6()) || !firstAddr(cfg.Addrs, a.Is6()).IsValid() {
			return
		}
		seen[a] = true
		if e, ok := stay.longest(one); ok && e.Bits() > in.Bits() {
			return
		}
		out = append(out, probe{addr: a, in: in})
	}
	for _, o := range others {
		if len(out) < maxProbes/2 {
			add(o.Addr())
			add(last(o))
		}
	}
	for i := range list {
		at := (from + i) % len(list)
		if len(out) >= maxProbes {
			return out, at
		}
		add(list[at].Addr())
		add(last(list[at]))
	}
	return out, 0
}

// last returns the last address of p.
func last(p netip.Prefix) netip.Addr {
	b := p.Masked().Addr().AsSlice()
	for i := p.Bits(); i < len(b)*8; i++ {
		b[i/8] |= 0x80 >> (i % 8)
	}
	a, _ := netip.AddrFromSlice(b)
	return a
}

// leak is a captured address that the host sends elsewhere.
type leak struct {
	probe
	device  string       // by which it leaves, "" = it is refused
	route   netip.Prefix // that takes it
	table   int
	culprit *foreignRule // the rule that led there, nil where none before ours did
}

// culpritOf returns the first of the rules in front that a packet from src for a could meet and that
// leads where it went; nil for none.
func culpritOf(front []foreignRule, src, a netip.Addr, leads func(foreignRule) bool) *foreignRule {
	i := slices.IndexFunc(front, func(f foreignRule) bool {
		return f.v6 == a.Is6() && (!f.from.IsValid() || f.from.Contains(src) != f.not) && (f.mark == 0 || f.not) && (!f.to.IsValid() || f.to.Contains(a)) && leads(f)
	})
	if i < 0 {
		return nil
	}
	return &front[i]
}

// error says what leaves, by what, and what to do about it.
func (l *leak) error() error {
	text := "captured " + l.in.String() + " is refused by this host"
	if l.device != "" {
		text = "captured " + l.in.String() + " leaves by " + l.device + ", not through oneping"
	}
	if l.route.IsValid() {
		text += fmt.Sprintf(": route %s of table %s", l.route, tableName(l.table))
	}
	if l.culprit != nil {
		text += "; rule " + l.culprit.text() + " stands before oneping's"
	}
	hint := "end the software that has made it, or take " + l.in.String() + " out of what that carries"
	if l.culprit != nil && l.culprit.own {
		hint = "another oneping client on this host captures it, too: stop one of the two"
	}
	return &advice.Error{Text: text, Advice: hint}
}

// keptWarning is about addresses that this host takes for its own: nothing for them leaves it.
func keptWarning(in, own netip.Prefix, device string) Warning {
	what := own.String()
	if own.IsSingleIP() {
		what = own.Addr().String()
	}
	return Warning{
		Text: what + " of captured " + in.String() + " is not captured: this host takes it for its own on " + device,
		Hint: "nobody behind it can be reached; if it is not this host's, see who has made it: ip route show table local",
	}
}

// tableName is a table as "ip rule" prints it.
func tableName(table int) string {
	switch table {
	case tableMain:
		return "main"
	case tableLocal:
		return "local"
	}
	return strconv.Itoa(table)
}

// inFront returns a priority for our rules before that of a foreign one; false where there is no
// room for them.
func inFront(foreign int) (int, bool) {
	priority := foreign - priorities
	return priority, priority > 0
}
