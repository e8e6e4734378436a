package udp

import (
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
)

// session is one five-tuple. What the platform needs of it is in sock.
type session struct {
	id       proto.SessionID
	src, dst netip.AddrPort
	idle     time.Duration
	began    time.Time
	traffic  hop.Traffic

	mu   sync.Mutex    // sender and reader exclude each other: see socket_linux.go
	sock socket        // guarded by mu
	ring ring          // guarded by mu
	kept time.Duration // guarded by mu: idle time in the table, by its traffic

	held    []held        // guarded by mu: probes that wait for the answer to another
	slowest time.Duration // guarded by mu: answer so far, 0 = none
}
