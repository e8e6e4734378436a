package path

import (
	"context"
	"net/netip"
	"sync"
	"sync/atomic"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Device is where the host's packets come from and go to: a TUN device
// (client/tun), or one in memory. Read is for one goroutine, Write and WriteOne
// for any number; closing the device frees Read, which then returns
// os.ErrClosed.
type Device interface {
	// Read waits for packets and puts one into each of bufs[0:n], its length
	// into sizes. n may be 0 where something was lost.
	Read(bufs [][]byte, sizes []int) (n int, err error)
	// Dropped counts the packets of the host that Read could not hand over.
	Dropped() uint64
	// Write hands packets to the host in their order.
	Write(pkts [][]byte) error
	// WriteOne hands one packet to the host. It does not keep pkt.
	WriteOne(pkt []byte) error
	// BatchSize is how many packets the system reads or writes in one go at most.
	BatchSize() int
}

// Stack ends the host's TCP connections on this machine: client/netstack, or a
// simulated one. Safe for concurrent use.
type Stack interface {
	// Inject hands over a TCP segment of the host, which is copied.
	Inject(segment []byte)
	// Accept completes the handshake that the host has begun with syn. The
	// packets of the connection carry ttl; 0 = packet.DefaultTTL.
	Accept(ctx context.Context, syn []byte, ttl uint8) (flow.Endpoint, error)
}

// Assignment is what packets need to know of what the edge has assigned to this
// device.
type Assignment struct {
	// Addrs are the device's own addresses, Hops those from which the edge
	// answers: at most one of each family counts.
	Addrs, Hops []netip.Addr
	// IdleSeconds after which an idle UDP session ends; 0 = hop.DefaultIdle.
	IdleSeconds uint16
}

// Path is the packet path of one client: see the package. Make it with New,
// attach device and stack, run its loops.
type Path struct {
	dev    Device
	stack  Stack
	budget *flow.Budget // of the memory that flows hold

	udp     *sessions
	tcp     *heldSYNs
	asked   *asked
	in      *inbound
	denials denials

	counters packet.Counters
	current  atomic.Pointer[attached]

	// outMu guards out: the device loop holds it for a batch, the sweep and Status for a moment.
	outMu sync.Mutex
	out   *outbound

	// linkMu guards newest and the change of current.
	linkMu sync.Mutex
	newest *link.Link // the last link that there was
}

// attached is the link in use and what is known of it. It is replaced, never changed.
type attached struct {
	link  *link.Link // nil: down
	state linkState
}

// New returns a path without link, device and stack. Flows hold memory of budget.
func New(budget *flow.Budget) *Path {
	p := &Path{budget: budget, udp: newSessions(maxSessions), tcp: newHeldSYNs(maxHeld), asked: newAsked()}
	p.in = newInbound(p.udp, p.asked)
	p.out = newOutbound(p.udp, p.asked, p.tcp)
	p.current.Store(new(attached))
	return p
}

// Attach gives the path its device and stack. It comes before the loops, once.
func (p *Path) Attach(dev Device, stack Stack) { p.dev, p.stack = dev, stack }

// Update says which link packets take from now on, nil for none, and what the
// edge has assigned. Sessions register again on a link that is new.
func (p *Path) Update(l *link.Link, a Assignment) {
	p.linkMu.Lock()
	defer p.linkMu.Unlock()
	next := &attached{link: l, state: linkState{up: l != nil, epoch: p.current.Load().state.epoch, idle: a.IdleSeconds}}
	if l != nil && l != p.newest {
		p.newest = l
		next.state.epoch++
	}
	next.state.setAddrs(a.Addrs, a.Hops)
	p.current.Store(next)
}

// Link returns the link that packets take; nil while there is none.
func (p *Path) Link() *link.Link { return p.current.Load().link }

// Deny lists a denial that the edge has told; one that is listed already stays so.
func (p *Path) Deny(d *proto.Denial) { p.denials.add(d) }

// Tally is where all that ends in this client is counted: the link joins in (Config of internal/link/path).
func (p *Path) Tally() *packet.Counters { return &p.counters }

// Status is what the path has in its tables and has counted.
type Status struct {
	InnerMTU int // size of the largest IPv4 packet that crosses whole; 0 = not settled
	Sessions int // of UDP
	Held     int // TCP connections that wait for the connector's answer
	Flows    int // TCP connections that are open
	Denied   int // by policy, since the start
	Reasons  map[string]uint64

	Strangers Strangers
}

// Status returns a snapshot.
func (p *Path) Status() Status {
	_, st := p.look()
	s := Status{
		InnerMTU: st.innerMTU(false), Sessions: p.udp.len(), Denied: p.denials.count(), Reasons: p.counters.Snapshot(),
	}
	s.Held, s.Flows = p.tcp.counts()
	p.outMu.Lock()
	s.Strangers = p.out.strangers
	p.outMu.Unlock()
	return s
}

// Denials returns the last hundred denials, the newest first.
func (p *Path) Denials() []proto.Denial { return p.denials.list() }

// CloseFlows opens no more flows and returns when all have ended; the context
// of RunDevice must be over. The device is still there, so that the
// applications get their resets.
func (p *Path) CloseFlows() { p.tcp.close() }
