package icmp

import (
	"context"
	"errors"
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
)

// errBusy is returned by Open of a transport when the host has no identifier or descriptor left,
// errNoFamily when it does not speak the mapping's family.
var (
	errBusy     = errors.New("no identifier or descriptor left")
	errNoFamily = errors.New("this host has no IPv6")
)

// Transport sends and receives on one platform, or in a simulation. The NAT calls Open with its
// lock held, everything else without: a transport may hold locks of its own while it calls the NAT.
type Transport interface {
	// Name is the mode's name in status and Hello.
	Name() string
	// Raw says that it sends every query of ICMP: else only echo requests of code 0.
	Raw() bool
	// Records says that it sends IPv4 options that record the way, and receives them.
	Records() bool
	// Attach names the NAT that takes what arrives, before any other call.
	Attach(n *NAT)
	// Open acquires an identifier, want where it is free.
	Open(v6 bool, want uint16) (uint16, error)
	// Release gives an identifier back.
	Release(out Outer)
	// Send sends one query under its outer identifier.
	Send(r Request) packet.Verdict
	// Alone says that no other program of this host can have sent what is answered under the
	// identifier. It is asked where the answer is unlike the request.
	Alone(out Outer) bool
	// Run receives until ctx ends. Never nil.
	Run(ctx context.Context) error
	// Close frees what the transport was made of, when Run has returned.
	Close()
}

// Outer names a mapping on the other side: the identifier that leaves this host.
type Outer struct {
	V6    bool
	Ident uint16
}

// Header is what the IP header of a request says.
type Header struct {
	Dst      netip.Addr
	TTL, TOS uint8
	DF       bool
}

// Request is a query that leaves this host.
type Request struct {
	Outer
	Header
	// Options are those IPv4 options that record the way, a multiple of 4 bytes: most have none.
	Options []byte
	// ICMP is the client's message, a query, its own identifier in it. Valid until Send returns.
	ICMP []byte
}

// Message is what is known beside its bytes of an ICMP message that arrived.
type Message struct {
	From     netip.Addr
	TTL, TOS uint8  // TTL 0 = unknown
	Options  []byte // of IPv4
}
