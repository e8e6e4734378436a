package host

import (
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

// Config is what a Host is made of.
type Config struct {
	Routes Routes
	// Allow opens prefixes that are refused by default: loopback, link-local, the edges, and the
	// metadata services of clouds where it names them (hop.Metadata).
	Allow []netip.Prefix
	// Deny refuses prefixes; it wins over Allow.
	Deny []netip.Prefix
	// Single shows the way from here as one hop: what goes on has an ordinary TTL.
	Single bool
	// Counters count what the host itself refuses to say, and neighbours that make room.
	Counters *packet.Counters
}

// Host is one machine. Safe for concurrent use; its parts have locks of their own, and none is
// taken under another.
type Host struct {
	cfg        Config
	ways       *table.Recent[netip.Addr, Way]
	ttls       *table.Recent[netip.Addr, uint8] // with which an address was last heard, as it arrived here
	neighbours *neighbours
	limits     *hop.ErrorLimits

	// guarded by mu
	mu    sync.Mutex
	edges []netip.Addr // as they were dialled, the newest first
}

const (
	maxTTLs  = 8192
	maxEdges = 8
)

// The limit of the ICMP errors that a connector makes itself, for each client (hop.ErrorLimits).
const (
	errorsPerSecond = 100
	errorBurst      = 200
	maxLimited      = 4096 // clients with a limit of their own
)

// New returns the host of cfg.
func New(cfg Config) *Host {
	return &Host{
		cfg: cfg, ways: table.NewRecent[netip.Addr, Way](maxWays), ttls: table.NewRecent[netip.Addr, uint8](maxTTLs),
		neighbours: newNeighbours(cfg.Counters), limits: hop.NewErrorLimits(hop.ErrorRate{PerSecond: errorsPerSecond, Burst: errorBurst}, maxLimited),
	}
}

// Forward decides about a packet of client that arrived with ttl and goes by w: the TTL with which
// it goes on, an ordinary one where the way from here is shown as one hop, or why not. A packet for
// an address of ours is delivered before its TTL is looked at, as in a router (RFC 1812 §5.2.1); of
// one for a broadcast address nothing is said (§4.3.2.7).
func (h *Host) Forward(w *Way, client netip.Addr, ttl uint8) (uint8, packet.Verdict) {
	switch {
	case w.broadcast:
		return 0, packet.Verdict{Reason: packet.Multicast}
	case !h.allowed(w.dst):
		return 0, packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	case w.Own():
		return max(ttl, 1), packet.Verdict{}
	}
	next, ok := packet.NextTTL(ttl)
	switch {
	case !ok && !w.src.IsValid(): // expired, but a router looks for the route first (RFC 1812 §5.2.1)
		return 0, w.unrouted()
	case !ok:
		return 0, packet.Verdict{Reason: packet.TTLExpired, Answer: packet.TimeExceeded}
	}
	if h.cfg.Single {
		next = packet.DefaultTTL
	}
	if w.neighbour {
		return next, h.neighbours.admit(client, w.dst, time.Now())
	}
	return next, packet.Verdict{}
}

// allowed says whether the connector's owner lets clients reach dst.
func (h *Host) allowed(dst netip.Addr) bool {
	named, guarded := hop.Metadata(dst)
	switch {
	case within(h.cfg.Deny, dst):
		return false
	case guarded:
		return slices.ContainsFunc(h.cfg.Allow, func(p netip.Prefix) bool { return p.Contains(dst) && p.Bits() >= named })
	case within(h.cfg.Allow, dst):
		return true
	case dst.IsLoopback():
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return !slices.Contains(h.edges, dst)
}

// Own says whether a is an address of this machine.
func (h *Host) Own(a netip.Addr) bool {
	w := h.Way(a)
	return w.Own()
}

// Seen notes with which TTL, 0 = unknown, something of from arrived here, and says whether from is
// this machine itself: what it says did not cross it as a router.
func (h *Host) Seen(from netip.Addr, ttl uint8) (own bool) {
	own = h.Own(from)
	if !own && ttl != 0 {
		h.ttls.Put(from, ttl) // the idlest that makes room is taken for a neighbour again
	}
	return own
}

// LastTTL returns the TTL with which a was last heard, 0 for none.
func (h *Host) LastTTL(a netip.Addr) uint8 {
	ttl, _ := h.ttls.Get(a)
	return ttl
}

// Heard notes an answer about dst: its own, or an error of from, which says that nothing more is to
// be waited for. from is zero where it is this machine's kernel that says so.
func (h *Host) Heard(dst, from netip.Addr) { h.neighbours.settle(dst, from) }

// Refuse returns what this machine says to client about its packet, which came with ttl, goes by w
// and ended for v: an error from the address that faces the destination, or nothing. Who has had
// enough errors hears none, which is counted beside the reason.
func (h *Host) Refuse(w *Way, client netip.Addr, ttl uint8, v packet.Verdict) hop.Refusal {
	var from netip.Addr
	if v.Answer != packet.NoError {
		from = h.reporter(w)
	}
	if from.IsValid() && !h.speaks(w, client, v.Reason) {
		from = netip.Addr{}
	}
	return hop.Refuse(v, from, max(ttl, 1))
}

// speaks says whether client is told of a packet that goes by w and ended for why.
func (h *Host) speaks(w *Way, client netip.Addr, why packet.Reason) bool {
	if why == packet.NoBuffers && h.neighbours.known(w.dst) {
		return false // no neighbour is missing: a queue is full, of which routers say nothing (RFC 6633)
	}
	if !h.limits.Allow(client, why, time.Now()) {
		h.cfg.Counters.Count(packet.RateLimited)
		return false
	}
	return true
}

// reporter returns the address from which an error about a packet that goes by w comes: the one
// that is used toward its destination, without a route the one that faces the edge, else any of the
// family, zero for none; never one that the client's host would drop (hop.Martian), as 127.0.0.1
// toward 127.0.0.0/8.
func (h *Host) reporter(w *Way) netip.Addr {
	if !hop.Martian(w.src) {
		return w.src
	}
	h.mu.Lock()
	edges := h.edges
	h.mu.Unlock()
	for _, e := range edges {
		if src := h.Way(e).src; !hop.Martian(src) && src.Is4() == w.dst.Is4() {
			return src
		}
	}
	a, _ := Global(h.cfg.Routes, w.dst.Is4())
	return a
}

// SetEdge notes the address of the edge of the newest link.
func (h *Host) SetEdge(a netip.Addr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if !slices.Contains(h.edges, a) {
		h.edges = append([]netip.Addr{a}, h.edges[:min(len(h.edges), maxEdges-1)]...)
	}
}

// EndClient forgets what a client asks whose device has ended.
func (h *Host) EndClient(client netip.Addr) { h.neighbours.endClient(client) }

// Unanswered returns how many neighbours are asked now that have never answered.
func (h *Host) Unanswered() int { return h.neighbours.waiting(time.Now()) }
