package icmp

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// errBusy is returned by a transport's open when the host has no identifier or descriptor left, errNoFamily
// when it does not speak the mapping's family.
var (
	errBusy     = errors.New("no identifier or descriptor left")
	errNoFamily = errors.New("this host has no IPv6")
)

// transport sends and receives on one platform. The NAT calls open with its
// lock held, everything else without: a transport may hold locks of its own while it calls the NAT.
type transport interface {
	// name is the mode's name in status and Hello.
	name() string
	// attach names the NAT whose reply and fail take what arrives, before any other call.
	attach(n *NAT)
	// open acquires an identifier, want where it is free. errBusy where there is none.
	open(v6 bool, want uint16) (uint16, error)
	release(out outer)
	// send sends one echo request under out's identifier.
	send(out outer, p *packet.Packet, ttl uint8) packet.Verdict
	// run receives until ctx ends. Never nil.
	run(ctx context.Context) error
	// close frees what newTransport made, when run has returned.
	close()
}

// NAT maps clients' echo requests to this host's identifiers and back.
type NAT struct {
	cfg Config
	t   transport
	ids atomic.Uint32 // IPv4 identification of the replies that we write

	table *table.Table[key, netip.Addr, *mapping]

	mu    sync.Mutex
	outer map[outer]*mapping // guarded by mu
	dead  []outer            // guarded by mu: evicted, to be released without the lock
	room  int                // guarded by mu: requests by which rings may still grow
	bufs  sync.Pool          // *scratch

	shut atomic.Pointer[OffError] // what the last mapping was refused for
}

// scratch is the memory for one packet on its way back.
type scratch struct{ quote, out []byte }

// Open tries the transports that cfg allows and returns a NAT over the first that works. The
// error says in its Hint what opens ICMP on this host. Run must be called for answers to
// arrive, and frees everything.
func Open(cfg Config) (*NAT, error) {
	if cfg.Wire != nil {
		return newNAT(cfg, newWired(cfg.Wire)), nil
	}
	t, err := newTransport(cfg.Mode)
	if err != nil {
		return nil, err
	}
	return newNAT(cfg, t), nil
}

func newNAT(cfg Config, t transport) *NAT {
	if cfg.MaxMappings == 0 {
		cfg.MaxMappings = MaxMappings
	}
	if cfg.MaxPerClient == 0 {
		cfg.MaxPerClient = MaxPerClient
	}
	n := &NAT{
		cfg: cfg, t: t,
		outer: make(map[outer]*mapping),
		room:  ringRoom,
		bufs:  sync.Pool{New: func() any { return new(scratch) }},
	}
	n.table = table.New[key, netip.Addr](table.Config[key, *mapping]{
		Max: cfg.MaxMappings, MaxPerOwner: cfg.MaxPerClient, Keep: Lifetime, Tentative: true, OnEvict: n.evicted,
	})
	t.attach(n)
	return n
}

// Mode returns how ICMP is sent: "ping", "raw", "echo", "wire".
func (n *NAT) Mode() string { return n.t.name() }

// closed notes that the host has closed ICMP since Open.
func (n *NAT) closed(err error) {
	off, ok := errors.AsType[*OffError](err)
	if !ok {
		off = newOff(err, "")
	}
	n.shut.Store(off)
}

// Off returns the *OffError of a host that has closed ICMP since Open, and nil once it is open again: it tries.
func (n *NAT) Off() error {
	off := n.shut.Load()
	if off == nil {
		return nil
	}
	ident, err := n.t.open(false, 0)
	if err != nil {
		return off
	}
	n.t.release(outer{ident: ident})
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
	err := n.t.run(ctx)
	cancel(err)
	<-done
	n.expire(time.Now().Add(2 * Lifetime)) // all of them
	n.t.close()
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

// evicted forgets a mapping that the table has let go; mu is held. Its identifier is freed by unlock.
func (n *NAT) evicted(_ key, m *mapping, why packet.Reason) {
	if why == packet.Superseded {
		n.cfg.Count(why)
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
	n.room += m.limit - ringSize
	n.dead = append(n.dead, m.out)
}

// unlock releases mu and then the identifiers of what was dropped under it.
func (n *NAT) unlock() {
	dead := n.dead
	n.dead = nil
	n.mu.Unlock()
	for _, out := range dead {
		n.t.release(out)
	}
}

// Send sends the client's echo request p into this host's network with the given TTL.
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
	return n.t.send(out, p, ttl)
}

// admit finds or makes the mapping for p and remembers p in it.
func (n *NAT) admit(p *packet.Packet) (outer, packet.Reason) {
	n.mu.Lock()
	defer n.unlock()
	now := time.Now()
	k := key{client: p.Src, ident: p.Ident}
	m, ok := n.table.Touch(now, k)
	if !ok {
		var reason packet.Reason
		if m, reason = n.create(k, now); reason != packet.OK {
			return outer{}, reason
		}
	}
	if !m.remember(p, now, &n.room) {
		return outer{}, packet.Unsupported
	}
	return m.out, packet.OK
}

// create makes a mapping; mu is held. Where the client has its share, its idlest mapping that has never had a reply makes
// room, as connections that are not assured do in Linux (early_drop): pingers that take a new identifier for each
// address, as nmap does, leave the client's other pings alone. One that has had a reply is kept for
// Lifetime after its last request (RFC 5508 REQ-2), unless its client has most of a full table and another less than a
// fair share (table.Shares).
func (n *NAT) create(k key, now time.Time) (*mapping, packet.Reason) {
	m := &mapping{key: k, out: outer{v6: k.client.Is6()}, limit: ringSize}
	if r := n.table.Add(now, k, k.client, m, Lifetime); r != packet.OK {
		return nil, r
	}
	ident, err := n.t.open(m.out.v6, k.ident)
	if err != nil {
		n.table.Delete(k)
		if errors.Is(err, errBusy) {
			return nil, packet.TableFull
		}
		n.closed(err)
		return nil, packet.ICMPOff
	}
	n.shut.Store(nil)
	m.out.ident = ident
	n.outer[m.out] = m
	return m, packet.OK
}

// arrived is an echo reply as a transport received it.
type arrived struct {
	out      outer
	from     netip.Addr
	seq      uint16
	ttl, tos uint8 // ttl 0 = unknown
	payload  []byte
}

// reply hands an echo reply to its client, if it answers a request.
func (n *NAT) reply(a *arrived) {
	if r := n.tryReply(a); r != packet.OK {
		n.cfg.Count(r)
	}
}

func (n *NAT) tryReply(a *arrived) packet.Reason {
	n.mu.Lock()
	m := n.outer[a.out]
	if m == nil {
		n.mu.Unlock()
		return packet.Unsolicited
	}
	q := m.find(a.from, a.seq, a.payload, time.Now())
	if q == nil {
		n.mu.Unlock()
		return packet.Unsolicited
	}
	q.done = true
	if !m.answered {
		m.answered = true
		n.table.Confirm(m.key)
	}
	client := m.key
	n.mu.Unlock()
	n.cfg.Answered(a.from, a.from)
	ttl, ok := n.backTTL(a.from, a.ttl)
	if !ok {
		return packet.TTLExpired
	}
	s := n.bufs.Get().(*scratch)
	defer n.bufs.Put(s)
	s.out = packet.AppendEcho(append(s.out[:0], byte(proto.TypePacket)), &packet.Echo{
		Src: a.from, Dst: client.client, Ident: client.ident, Seq: a.seq, TTL: ttl, TOS: a.tos,
		ID: uint16(n.ids.Add(1)), Reply: true, Payload: a.payload,
	})
	return n.cfg.Deliver(s.out)
}

// backTTL returns the TTL with which something from an address leaves us. What
// our own host says did not cross us as a router.
func (n *NAT) backTTL(from netip.Addr, ttl uint8) (uint8, bool) {
	if ttl == 0 { // unknown: as if the sender were next to us
		ttl = packet.DefaultTTL
	}
	if n.cfg.Own(from) {
		return ttl, true
	}
	n.cfg.Seen(from, ttl)
	return packet.NextTTL(ttl)
}
