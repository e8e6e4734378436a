package icmp

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

// NAT maps clients' queries to this host's identifiers and back.
type NAT struct {
	cfg Config
	t   Transport
	ids atomic.Uint32 // IPv4 identification of the replies that we write

	table *table.Table[key, netip.Addr, *mapping]

	bufs sync.Pool                // *scratch
	shut atomic.Pointer[OffError] // what the last mapping was refused for

	// guarded by mu. Order of locks: a transport's socket, whose reader calls us; mu; those of the
	// table and of the transport's Open.
	mu    sync.Mutex
	outer map[Outer]*mapping
	dead  []Outer // evicted, to be released without the lock
	spare int     // requests by which rings may still grow
}

// scratch is the memory for one packet on its way back.
type scratch struct{ quote, out []byte }

// New returns a NAT over a transport of its own. Run must be called for answers to arrive, and
// frees everything.
func New(t Transport, cfg Config) *NAT {
	if cfg.MaxMappings == 0 {
		cfg.MaxMappings = MaxMappings
	}
	if cfg.MaxPerClient == 0 {
		cfg.MaxPerClient = MaxPerClient
	}
	n := &NAT{
		cfg: cfg, t: t,
		outer: make(map[Outer]*mapping),
		spare: ringSpare,
		bufs:  sync.Pool{New: func() any { return new(scratch) }},
	}
	n.table = table.New[key, netip.Addr](table.Config[key, *mapping]{
		Max: cfg.MaxMappings, MaxPerOwner: cfg.MaxPerClient, Keep: Lifetime, Tentative: true, OnEvict: n.evicted,
	})
	t.Attach(n)
	return n
}

// Mode returns how ICMP is sent: "ping", "raw", "echo".
func (n *NAT) Mode() string { return n.t.Name() }

// Raw says that every query of ICMP can be sent: else only echo requests of code 0.
func (n *NAT) Raw() bool { return n.t.Raw() }

// closed notes that the host has closed ICMP since Open.
func (n *NAT) closed(err error) {
	off, ok := errors.AsType[*OffError](err)
	if !ok {
		off = newOff(err, "")
	}
	n.shut.Store(off)
}

// Off returns the *OffError of a host that has closed ICMP since Open, and nil once it is open
// again: it tries.
func (n *NAT) Off() error {
	off := n.shut.Load()
	if off == nil {
		return nil
	}
	ident, err := n.t.Open(false, 0)
	if err != nil {
		return off
	}
	n.t.Release(Outer{Ident: ident})
	n.shut.CompareAndSwap(off, nil)
	return nil
}

// Mappings returns how many mappings live now.
func (n *NAT) Mappings() int { return n.table.Len() }

// Run receives and expires until ctx ends, then frees all sockets. Never nil.
func (n *NAT) Run(ctx context.Context) error {
	done := make(chan struct{})
	ctx, cancel := context.WithCancelCause(ctx)
	go func() {
		defer close(done)
		n.expireAll(ctx)
	}()
	err := n.t.Run(ctx)
	cancel(err)
	<-done
	n.expire(time.Now().Add(2 * Lifetime)) // all of them
	n.t.Close()
	return err
}

// expireAll ends idle mappings once in a while.
func (n *NAT) expireAll(ctx context.Context) {
	tick := time.NewTicker(Lifetime / 12)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			n.expire(time.Now())
		}
	}
}

func (n *NAT) expire(now time.Time) {
	n.mu.Lock()
	defer n.unlock()
	n.table.Expire(now)
}

// evicted forgets a mapping that the table has let go; mu is held. Its identifier is freed by
// unlock.
func (n *NAT) evicted(_ key, m *mapping, why packet.Reason) {
	if why == packet.Superseded {
		n.cfg.Back.Count(why)
	}
	n.forget(m)
}

// EndClient ends the mappings of a client whose device has ended.
func (n *NAT) EndClient(client netip.Addr) {
	n.mu.Lock()
	defer n.unlock()
	for _, m := range n.table.DeleteOwner(client) {
		n.forget(m)
	}
}

// forget drops what is kept of a mapping beside the table; mu is held.
func (n *NAT) forget(m *mapping) {
	delete(n.outer, m.out)
	n.spare += m.ring.Limit() - ringSize
	n.dead = append(n.dead, m.out)
}

// unlock releases mu and then the identifiers of what was dropped under it.
func (n *NAT) unlock() {
	dead := n.dead
	n.dead = nil
	n.mu.Unlock()
	for _, out := range dead {
		n.t.Release(out)
	}
}

// Send sends the client's query p into this host's network with the given TTL.
// The request is remembered with the TTL that it has in p.
func (n *NAT) Send(p *packet.Packet, ttl uint8) packet.Verdict {
	out, reason := n.admit(p)
	switch reason {
	case packet.OK:
	case packet.TableFull: // RFC 6888 REQ-8: out of resources, say host unreachable
		return packet.Verdict{Reason: reason, Answer: packet.HostUnreachable}
	case packet.ICMPOff: // the group range was closed meanwhile
		return packet.Verdict{Reason: reason, Answer: packet.AdminProhibited}
	default:
		return packet.Verdict{Reason: reason}
	}
	r := Request{Outer: out, Header: Header{Dst: p.Dst, TTL: ttl, TOS: p.TOS, DF: p.DF}, ICMP: p.Transport()}
	if p.Hdr > 20 && !p.V6 {
		r.Options = n.records(p)
	}
	return n.t.Send(r)
}

// records returns the options of p that record the way, as they leave this host: the kernel enters its
// address, but of what has no room left it counts nothing that it sends (ip_options_compile). Those of a
// request to this host itself stay here (ownRecords): the kernel would enter itself as sender and as
// receiver, there and back.
func (n *NAT) records(p *packet.Packet) []byte {
	if n.cfg.Host.Own(p.Dst) {
		return nil
	}
	p.Record(netip.Addr{}, time.Time{})
	b := p.AppendRecords(nil)
	if len(b) != 0 && !n.t.Records() {
		n.cfg.Back.Count(packet.OptionsLost)
		return nil
	}
	return b
}

// admit finds or makes the mapping for p and remembers p in it.
func (n *NAT) admit(p *packet.Packet) (Outer, packet.Reason) {
	n.mu.Lock()
	defer n.unlock()
	now := time.Now()
	k := key{client: p.Src, ident: p.Ident}
	m, ok := n.table.Touch(now, k)
	if !ok {
		var reason packet.Reason
		if m, reason = n.create(k, now); reason != packet.OK {
			return Outer{}, reason
		}
	}
	if !m.remember(p, now, &n.spare) {
		return Outer{}, packet.Unsupported
	}
	return m.out, packet.OK
}

// create makes a mapping; mu is held. Where the client has its share, its idlest mapping that has
// never had a reply makes room, as connections that are not assured do in Linux (early_drop):
// pingers that take a new identifier for each address, as nmap does, leave the client's other pings
// alone. One that has had a reply is kept for Lifetime after its last request (RFC 5508 REQ-2),
// unless its client has most of a full table and another less than a fair share (table.Shares).
func (n *NAT) create(k key, now time.Time) (*mapping, packet.Reason) {
	m := &mapping{key: k, out: Outer{V6: k.client.Is6()}, ring: table.NewRing[request](ringSize)}
	if r := n.table.Add(now, k, k.client, m, Lifetime); r != packet.OK {
		return nil, r
	}
	ident, err := n.t.Open(m.out.V6, k.ident)
	if err != nil {
		n.table.Delete(k)
		if errors.Is(err, errBusy) {
			return nil, packet.TableFull
		}
		n.closed(err)
		return nil, packet.ICMPOff
	}
	n.shut.Store(nil)
	m.out.Ident = ident
	n.outer[m.out] = m
	return m, packet.OK
}
