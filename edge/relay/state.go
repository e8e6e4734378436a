package relay

import (
	"errors"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/edge/route"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// ErrGone is what a node is told that an administrator has revoked or deleted.
var ErrGone = &link.RefusedError{Code: proto.CodeRevoked, Err: errors.New("revoked or deleted by an administrator")}

// Device is a client that may connect.
type Device struct {
	ID    string
	User  string
	Addrs []netip.Addr // what it may send from
}

// Connector is a connector that may connect.
type Connector struct {
	ID     string
	Tunnel string // tunnel id
}

// registry is who there is, across states and links. A State that is compiled, a link that is attached
// or detached, and the endings change it; the packet path never takes its lock. Inside it only
// the queue of a link's control messages is locked.
type registry struct {
	mu         sync.Mutex // guards what follows
	devices    map[string]*device
	numbered   link.Owner // the last device that was numbered
	connectors map[string]*connector
	tunnels    map[string]*tunnel
	endings    endings
}

func newRegistry() registry {
	return registry{
		devices:    make(map[string]*device),
		connectors: make(map[string]*connector),
		tunnels:    make(map[string]*tunnel),
	}
}

// State is everything that the relay decides by, at one moment. Whoever is not
// in it (revoked, deleted) is cut off.
type State struct {
	FIB        *route.Table
	Policy     *policy.Compiled
	Devices    []Device
	Connectors []Connector
}

// compiled is State in the form the packet path reads; never changed after it was stored.
type compiled struct {
	table      *route.Table
	policy     *policy.Compiled
	byAddr     map[netip.Addr]*source
	byDevice   map[string]*source
	tunnels    map[string]*tunnel
	connectors map[string]string // id → tunnel id
}

// source is a device in one State: who it is when it asks.
type source struct {
	dev       *device
	principal policy.Principal
	reach     policy.Reach // of the principal, under the policy of the State
}

// holder names who holds places in the relay's tables: the user with all devices, or a device of
// nobody by itself.
func (s *source) holder() string {
	if s.principal.User != "" {
		return s.principal.User
	}
	return s.principal.Device
}

// device is a device across states and links.
type device struct {
	id         string
	owner      link.Owner                       // its number in the queues of connectors' links
	attachment atomic.Pointer[DeviceAttachment] // nil while it is not connected
	sessions   atomic.Int32
}

func emptyState() *compiled {
	return &compiled{table: route.Compile(nil), policy: new(policy.Compiled)}
}

// SetState replaces what the relay decides by. Links of devices and connectors that are not in s
// are closed with proto.CodeRevoked; live sessions and flows are looked at once, and those that s
// does not allow or routes elsewhere are ended. Connectors are told of the devices that are no
// longer in s.
func (r *Relay) SetState(s State) {
	r.mu.Lock()
	next := r.compile(s)
	revoked := r.forget(next)
	r.endings.add(endedBetween(r.state.Load(), next), time.Now())
	r.state.Store(next)
	r.mu.Unlock()
	for _, l := range revoked {
		_ = l.Close(ErrGone.Code, ErrGone.Error())
	}
	r.reexamine(next)
	r.tellNew()
}

// compile builds the lookup maps of s around the devices and tunnels that live on; r.mu is held.
func (r *Relay) compile(s State) *compiled {
	c := &compiled{
		table:      s.FIB,
		policy:     s.Policy,
		byAddr:     make(map[netip.Addr]*source, 2*len(s.Devices)),
		byDevice:   make(map[string]*source, len(s.Devices)),
		tunnels:    make(map[string]*tunnel),
		connectors: make(map[string]string, len(s.Connectors)),
	}
	for _, d := range s.Devices {
		dev := r.devices[d.ID]
		if dev == nil {
			r.numbered++
			dev = &device{id: d.ID, owner: r.numbered}
			r.devices[d.ID] = dev
		}
		who := s.Policy.Principal(d.ID, d.User)
		sub := &source{dev: dev, principal: who, reach: s.Policy.Reach(who)}
		c.byDevice[d.ID] = sub
		for _, a := range d.Addrs {
			c.byAddr[a] = sub
		}
	}
	for _, con := range s.Connectors {
		c.connectors[con.ID] = con.Tunnel
		t := r.tunnels[con.Tunnel]
		if t == nil {
			t = new(tunnel)
			r.tunnels[con.Tunnel] = t
		}
		c.tunnels[con.Tunnel] = t
	}
	return c
}

// forget drops devices and connectors that are not in next and returns their links; r.mu is held.
func (r *Relay) forget(next *compiled) (links []Link) {
	for id, dev := range r.devices {
		if next.byDevice[id] == nil {
			if c := dev.attachment.Swap(nil); c != nil {
				links = append(links, c.link)
			}
			delete(r.devices, id)
		}
	}
	for id, con := range r.connectors {
		if next.connectors[id] != con.tunnel {
			if c := con.attachment.Swap(nil); c != nil {
				links = append(links, c.link)
			}
			delete(r.connectors, id)
			r.tunnels[con.tunnel].remove(con)
		}
	}
	for id := range r.tunnels {
		if next.tunnels[id] == nil {
			delete(r.tunnels, id)
		}
	}
	return links
}

// reexamine ends the sessions and flows that c no longer allows.
func (r *Relay) reexamine(c *compiled) {
	for _, s := range r.sessions.all() {
		switch {
		case c.byAddr[s.src.Addr()] == nil: // its device has ended, of which connectors are told
			r.sessions.end(s)
			r.counters.Count(packet.Denied)
		case !c.allows(&s.tuple):
			r.sessions.end(s)
			r.tellEnd(s, packet.Denied)
		}
	}
	for _, f := range r.flows.all() {
		if !c.allows(&f.tuple) {
			f.cut(packet.Denied)
		}
	}
}

// tuple is what a live session or flow was allowed for.
type tuple struct {
	dev      *device
	holder   string // of its place in a table
	src, dst netip.AddrPort
	proto    policy.Proto
	tunnel   string // id of the tunnel it was routed to
}

// allows says whether c still allows t, by rooms 1, 4 and 5, and routes it to the same tunnel.
func (c *compiled) allows(t *tuple) bool {
	from := c.source(t.dev, t.src.Addr())
	if from == nil {
		return false
	}
	tunnel, v := c.permit(from, t.proto, &t.dst)
	return v.Reason == packet.OK && tunnel == t.tunnel
}
