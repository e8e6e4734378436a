package icmp

import (
	"context"
	"encoding/binary"
	"sync"

	"github.com/oneping/oneping/proto/packet"
)

// socket sees all ICMP of one family on this host: a raw socket
// on Linux, any ICMP datagram socket on macOS.
type socket interface {
	// write sends one ICMP message with a complete header; one call at a time. The verdict is
	// packet.OK or says what the failure means for the sender of the request.
	write(icmp, options []byte, to Header) packet.Verdict
	// read hands everything that arrives to n.Incoming or n.incoming4 until ctx ends. Never nil.
	read(ctx context.Context, n *NAT) error
	// alone says that no other program of this host can have sent a request of that identifier.
	alone(ident uint16) bool
	close()
}

// shared is the table strategy: all mappings of a family share one socket, so
// each gets an identifier of its own and what arrives is told apart by that.
type shared struct {
	*idents
	mode   Mode
	v4, v6 *sharedSocket // nil: this host has no such family
	nat    *NAT
}

type sharedSocket struct {
	socket

	// guarded by mu, which is held around write: one request at a time
	mu  sync.Mutex
	buf []byte
}

// newShared returns a transport over sockets of both families; v6 may be nil.
func newShared(mode Mode, v4, v6 socket) *shared {
	t := &shared{idents: newIdents(), mode: mode, v4: &sharedSocket{socket: v4}}
	if v6 != nil {
		t.v6 = &sharedSocket{socket: v6}
	}
	return t
}

func (t *shared) Name() string  { return string(t.mode) }
func (t *shared) Raw() bool     { return t.mode == Raw }
func (t *shared) Records() bool { return t.mode == Raw } // of Linux: other systems have no call for one packet alone
func (t *shared) Attach(n *NAT) { t.nat = n }

func (t *shared) Open(v6 bool, want uint16) (uint16, error) {
	if v6 && t.v6 == nil {
		return 0, errNoFamily
	}
	return t.acquire(v6, want)
}

func (t *shared) Send(r Request) packet.Verdict {
	s := t.v4
	if r.V6 {
		s = t.v6
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf[:0], r.ICMP...)
	binary.BigEndian.PutUint16(s.buf[4:], r.Ident)
	if !r.V6 { // the kernel writes that of ICMPv6, which covers addresses
		s.buf[2], s.buf[3] = 0, 0
		binary.BigEndian.PutUint16(s.buf[2:], packet.Checksum(s.buf, 0))
	}
	return s.write(s.buf, r.Options, r.Header)
}

// Alone asks the socket of the family.
func (t *shared) Alone(out Outer) bool {
	if out.V6 {
		return t.v6 != nil && t.v6.alone(out.Ident)
	}
	return t.v4.alone(out.Ident)
}

func (t *shared) Run(ctx context.Context) error {
	if t.v6 == nil {
		return t.v4.read(ctx, t.nat)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, p := range []socket{t.v4, t.v6} {
		wg.Go(func() { cancel(p.read(ctx, t.nat)) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (t *shared) Close() {
	t.v4.close()
	if t.v6 != nil {
		t.v6.close()
	}
}
