package icmp

import (
	"context"
	"encoding/binary"
	"net/netip"
	"sync"

	"github.com/oneping/oneping/proto/packet"
)

// port is a socket that sees all ICMP of one family on this host: a raw socket
// on Linux, any ICMP datagram socket on macOS.
type port interface {
	// write sends one ICMP message with a complete header; one call at a time. The verdict is packet.OK or says
	// what the failure means for the sender of the request.
	write(icmp []byte, to sending) packet.Verdict
	// read hands everything that arrives to n.incoming or n.incoming4 until ctx ends. Never nil.
	read(ctx context.Context, n *NAT) error
	close()
}

// sending is what a request wants beside its bytes.
type sending struct {
	dst      netip.Addr
	ttl, tos uint8
	df       bool
}

// shared is the table strategy: all mappings of a family share one port, so
// each gets an identifier of its own and what arrives is told apart by that.
type shared struct {
	*idents
	mode   Mode
	v4, v6 *sharedPort // nil: this host has no such family
	nat    *NAT
}

type sharedPort struct {
	port

	mu  sync.Mutex
	buf []byte // guarded by mu
}

// newShared returns a transport over ports of both families; v6 may be nil.
func newShared(mode Mode, v4, v6 port) *shared {
	t := &shared{idents: newIdents(), mode: mode, v4: &sharedPort{port: v4}}
	if v6 != nil {
		t.v6 = &sharedPort{port: v6}
	}
	return t
}

func (t *shared) name() string  { return string(t.mode) }
func (t *shared) attach(n *NAT) { t.nat = n }

func (t *shared) open(v6 bool, want uint16) (uint16, error) {
	if v6 && t.v6 == nil {
		return 0, errNoFamily
	}
	return t.acquire(v6, want)
}

func (t *shared) send(out outer, p *packet.Packet, ttl uint8) packet.Verdict {
	s := t.v4
	if out.v6 {
		s = t.v6
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.buf = append(s.buf[:0], p.Transport()...)
	binary.BigEndian.PutUint16(s.buf[4:], out.ident)
	if !p.V6 { // the kernel writes that of ICMPv6, which covers addresses
		s.buf[2], s.buf[3] = 0, 0
		binary.BigEndian.PutUint16(s.buf[2:], packet.Checksum(s.buf, 0))
	}
	return s.write(s.buf, sending{dst: p.Dst, ttl: ttl, tos: p.TOS, df: p.DF})
}

func (t *shared) run(ctx context.Context) error {
	if t.v6 == nil {
		return t.v4.read(ctx, t.nat)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	for _, p := range []port{t.v4, t.v6} {
		wg.Go(func() { cancel(p.read(ctx, t.nat)) })
	}
	wg.Wait()
	return context.Cause(ctx)
}

func (t *shared) close() {
	t.v4.close()
	if t.v6 != nil {
		t.v6.close()
	}
}
