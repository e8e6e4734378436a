// Package osroute gives the TUN device its addresses and takes the captured prefixes off the
// host, and gives all of it back on exit.
//
// # What it promises
//
// Captured traffic enters the TUN and never another interface: not while the link is down, not
// while the process restarts, not past a static route of the host. The longest prefix decides
// (exempt.go): a directly connected prefix that is more specific than the captures around it stays
// with its interface, and a warning says so; the gateway to the edge, multicast and link-local
// traffic stay with the host; and the link's own packets, which carry a firewall mark or are bound
// to the underlay's interface ([LinkControl]), never enter the TUN. A socket without a source gets
// the device's address for captured destinations. Answers from any router address are accepted on
// the TUN, also with strict rp_filter and without a default route.
//
// Other software can break that. On Linux the kernel is asked after each change (verify_linux.go):
// where it would send a captured packet elsewhere, the rules move in front of the others', and
// where that does not help Apply returns an error that names the rule: nothing leaves unsaid.
//
// # How
//
// What is wanted is computed from [Config] and the host's connected prefixes by pure functions,
// compared with what is there, and the difference applied; [Router.Undo] removes exactly what was
// added. One file per system talks to the kernel: router_linux.go (netlink), router_darwin.go
// (routing socket and ioctls), router_windows.go (IP Helper).
package osroute

import (
	"errors"
	"net/netip"
	"slices"
	"sync"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/hop"
)

// Config says what the host's routing shall look like. Prefixes and addresses of both families
// may be mixed.
type Config struct {
	Device  string         // name of the TUN device
	MTU     int            // of the device in bytes; 0 leaves it alone. Windows needs it, the others set it in tun.Open.
	Addrs   []netip.Prefix // device addresses (/32, /128)
	Capture []netip.Prefix // prefixes taken off the host
	Hops    []netip.Addr   // hop addresses of the edge: host routes through the device

	// DenyLAN leaves no directly connected prefix outside of a capture that covers it.
	DenyLAN bool

	// Underlay is where the link's UDP packets go, or may go. With it, a Linux host with strict
	// rp_filter accepts the edge's answers although the edge lies within a captured prefix; and the
	// gateways on the way there stay with the host.
	Underlay []netip.AddrPort

	Mark     uint32 // firewall mark on the link's sockets (Linux); must not be 0 there
	Table    int    // own routing table (Linux), the one after it and the one 2000 after it; 0 = chosen by the device's name
	Priority int    // of the first of seven consecutive ip rule priorities (Linux); 0 = chosen by the device's name
}

// ErrNoDevice says that the TUN device of a Config is not there (errors.Is).
var ErrNoDevice = errors.New("no such device")

// DefaultMark is the firewall mark for the link's sockets where none is configured ("1p" in
// ASCII, shifted out of the low bits that other software likes).
const DefaultMark uint32 = 0x3170_0000

// Warning is something that a person should know about this host, with what to do about it.
// Neither ends the client.
type Warning struct {
	Text string `json:"text"`
	Hint string `json:"hint"`
}

// warnings are those of the last Apply. Who asks for them does not wait for the one that runs.
// The zero value has none.
type warnings struct {
	// mu guards list.
	mu   sync.Mutex
	list []Warning
}

func (w *warnings) set(list []Warning) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = list
}

func (w *warnings) get() []Warning {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.list)
}

// Repaired is what was given back to the host, in words for people.
type Repaired struct {
	Rules  []string `json:"rules"`            // removed
	Routes []string `json:"routes"`           // removed
	Device string   `json:"device,omitempty"` // put back to what it was
	// Left is where rules or routes of other clients are that were killed.
	Left  []string `json:"left,omitempty"`
	Notes []string `json:"notes,omitempty"` // what a person should know
}

// Nothing says that there was nothing to undo.
func (r *Repaired) Nothing() bool { return len(r.Rules)+len(r.Routes) == 0 && r.Device == "" }

// failure says which change of the host's routing failed ("add route 10.0.0.0/8 dev oneping0") and
// what to do about it; hint may be empty. The error unwraps to the system's own.
func failure(op string, err error, hint string) error {
	return &advice.Error{Text: op + ": " + err.Error(), Advice: hint, Cause: err}
}

// everything returns 0.0.0.0/0 or ::/0.
func everything(v6 bool) netip.Prefix {
	if v6 {
		return netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	}
	return netip.PrefixFrom(netip.IPv4Unspecified(), 0)
}

// stays returns the prefixes that no capture takes off the host.
func stays() []netip.Prefix { return hop.KeptPrefixes() }

// captured returns the capture prefixes and hop routes of cfg, masked, without duplicates and
// without those that lie within a prefix of stays, sorted.
func captured(cfg Config) []netip.Prefix {
	out, here := make([]netip.Prefix, 0, len(cfg.Capture)+len(cfg.Hops)), stays()
	add := func(p netip.Prefix) {
		if !p.IsValid() {
			return
		}
		if p.Addr().Is4In6() && p.Bits() >= 96 {
			p = netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
		}
		p = p.Masked()
		if !slices.ContainsFunc(here, func(s netip.Prefix) bool { return covers(s, p) }) {
			out = append(out, p)
		}
	}
	for _, p := range cfg.Capture {
		add(p)
	}
	for _, a := range cfg.Hops {
		add(host(a.Unmap()))
	}
	slices.SortFunc(out, netip.Prefix.Compare)
	return slices.Compact(out)
}

// host returns the prefix of one address; the zero prefix for the zero address.
func host(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

// covers reports whether outer contains all of inner.
func covers(outer, inner netip.Prefix) bool {
	return outer.IsValid() && inner.IsValid() && outer.Bits() <= inner.Bits() && outer.Contains(inner.Addr())
}

// firstAddr returns the device address of a family, the source of captured traffic; the zero
// address if there is none.
func firstAddr(addrs []netip.Prefix, v6 bool) netip.Addr {
	for _, p := range addrs {
		if p.Addr().Is6() == v6 {
			return p.Addr()
		}
	}
	return netip.Addr{}
}

// diff returns what to add to have and what to remove from it, so that it becomes want, in the
// order of the inputs. The lists may be long: it looks at each element once.
func diff[T comparable](have, want []T) (add, remove []T) {
	there, wanted := setOf(have), setOf(want)
	for _, w := range uniq(want) {
		if !there[w] {
			add = append(add, w)
		}
	}
	for _, h := range have {
		if !wanted[h] {
			remove = append(remove, h)
		}
	}
	return add, remove
}

func setOf[T comparable](list []T) map[T]bool {
	set := make(map[T]bool, len(list))
	for _, x := range list {
		set[x] = true
	}
	return set
}

// uniq returns the elements of list in their order, each once.
func uniq[T comparable](list []T) []T {
	seen := make(map[T]bool, len(list))
	var out []T
	for _, x := range list {
		if !seen[x] {
			seen[x] = true
			out = append(out, x)
		}
	}
	return out
}
