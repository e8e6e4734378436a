package identity

import (
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/internal/bucket"
	"github.com/oneping/oneping/proto/packet"
)

const (
	// Handshakes per network (/24, /64) of nobody known and second, and at once: each costs a
	// millisecond of CPU.
	networkRate, networkBurst = 10, 100
	// Handshakes of all strangers together.
	strangerRate, strangerBurst = 300, 1000
	// Handshakes of one known address. An office behind one address comes back at once after a
	// restart of its router.
	nodeRate, nodeBurst = 100, 1000
	// New connections per second, and at once, whose sources are believed unproven.
	handshakeRate, handshakeBurst = 100, 200
	// maxPlaces and minPlaces bound the connections that are nobody's yet, between them one for
	// each placeShare bytes that the process may hold: a handshake takes some 54 KB.
	maxPlaces, minPlaces = 1024, 128
	placeShare           = 1 << 20
	// maxKnown bounds the addresses that are remembered, knownFor is for how long.
	maxKnown = 16_384
	knownFor = 24 * time.Hour
)

// strangers decides who may begin a handshake. Addresses from which somebody was let in lately have
// buckets of their own and a quarter of the places to themselves, so that a flood of strangers
// keeps no node out.
type strangers struct {
	unproven *rate.Limiter
	total    *rate.Limiter
	networks *bucket.Table[netip.Prefix]
	nodes    *bucket.Table[netip.Addr]
	most     int // places
	refused  packet.Counters

	mu    sync.Mutex
	taken map[netip.Prefix]int // places, by network
	sum   int                  // of them
	known map[netip.Addr]time.Time
}

func newStrangers(memory uint64) *strangers {
	return &strangers{
		unproven: rate.NewLimiter(handshakeRate, handshakeBurst),
		total:    rate.NewLimiter(strangerRate, strangerBurst),
		networks: bucket.New[netip.Prefix](networkRate, networkBurst, maxSources),
		nodes:    bucket.New[netip.Addr](nodeRate, nodeBurst, maxKnown),
		most:     places(memory, placeShare, minPlaces, maxPlaces),
		taken:    make(map[netip.Prefix]int),
		known:    make(map[netip.Addr]time.Time),
	}
}

// RequireRetry says whether a new connection must prove its address first (QUIC Retry, RFC 9000
// §8.1.2): when many arrive at once, some may be forged. A network that has used up half of its
// handshakes must, too: else somebody else could use up the rest in its name.
func (a *Authority) RequireRetry(remote net.Addr) bool {
	from, now := netip.Addr{}, a.cfg.Now()
	if u, ok := remote.(*net.UDPAddr); ok {
		from = u.AddrPort().Addr()
	}
	s := a.strangers
	if s.isKnown(host(from), now) {
		return s.nodes.Tokens(host(from), now) < nodeBurst/2
	}
	return s.networks.Tokens(bucket.Network(from), now) < networkBurst/2 || !s.unproven.AllowN(now, 1)
}

// errRefused is told to nobody: QUIC has no words for it (CONNECTION_REFUSED).
var errRefused = errors.New("connection refused")

// Admit is a path.Admission: it bounds handshakes by source and in all, and what is nobody's yet by
// the memory of the process. While memory is short strangers have to wait.
func (a *Authority) Admit(from netip.Addr, _ bool) (leave func(), err error) {
	short := a.cfg.Short != nil && a.cfg.Short()
	leave, why := a.strangers.admit(from, short, a.cfg.Now())
	if why != packet.OK {
		a.strangers.refused.Count(why)
		return nil, errRefused
	}
	return leave, nil
}

// Refused returns what became of connections that were refused before their handshake: rate
// limited, table full, or no buffers while memory was short.
func (a *Authority) Refused() *packet.Counters { return &a.strangers.refused }

// Know notes that a node was let in from an address.
func (a *Authority) Know(from netip.Addr) { a.strangers.know(host(from), a.cfg.Now()) }

// admit takes tokens and a place, or says why there is none.
func (s *strangers) admit(from netip.Addr, short bool, now time.Time) (leave func(), why packet.Reason) {
	network, known := bucket.Network(from), s.isKnown(host(from), now)
	switch {
	case known:
		if !s.nodes.Take(host(from), now) {
			return nil, packet.RateLimited
		}
	case short:
		return nil, packet.NoBuffers
	default:
		if !s.networks.Take(network, now) || !s.total.AllowN(now, 1) {
			return nil, packet.RateLimited
		}
	}
	if !s.enter(network, known) {
		return nil, packet.TableFull
	}
	return func() { s.leave(network) }, packet.OK
}

// enter takes a place: an eighth of them at most for one network, three quarters for all strangers.
func (s *strangers) enter(network netip.Prefix, known bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	most := s.most
	if !known {
		most = s.most * 3 / 4
	}
	if s.sum >= most || s.taken[network] >= s.most/8 {
		return false
	}
	s.sum++
	s.taken[network]++
	return true
}

func (s *strangers) leave(network netip.Prefix) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sum--
	if s.taken[network]--; s.taken[network] == 0 {
		delete(s.taken, network)
	}
}

func (s *strangers) isKnown(host netip.Addr, now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.known[host]
	return ok && now.Sub(at) < knownFor
}

// know notes a host. In a full table the one that was let in longest ago makes room.
func (s *strangers) know(host netip.Addr, now time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.known[host]; !ok && len(s.known) >= maxKnown {
		var oldest netip.Addr
		least := now
		for h, at := range s.known {
			if !at.After(least) {
				oldest, least = h, at
			}
		}
		delete(s.known, oldest)
	}
	s.known[host] = now
}
