package udp

import (
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
)

// session is one five-tuple. What the platform needs of it is in sock.
type session struct {
	id       proto.SessionID
	src, dst netip.AddrPort
	idle     time.Duration

	mu   sync.Mutex // sender and reader exclude each other: see socket_linux.go
	sock socket     // guarded by mu
	ring ring       // guarded by mu
	out  uint64     // guarded by mu: packets from the client
	in   uint64     // guarded by mu: packets to the client
	last time.Time  // guarded by mu
}

// expired says whether the session is idle at now.
func (s *session) expired(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	idle := s.idle
	if s.dst.Port() == 53 && s.out == 1 && s.in == 1 {
		idle = IdleDNS
	}
	return now.Sub(s.last) >= idle
}

// idleOf returns the idle time for a registration that asks for so many seconds.
func idleOf(seconds uint16) time.Duration {
	if seconds == 0 {
		return Idle
	}
	return max(time.Duration(seconds)*time.Second, MinIdle)
}
