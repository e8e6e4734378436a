package policy

import (
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

const (
	// perDevice is how many denials of a device the log keeps; a client lists a hundred.
	perDevice = 128
	// maxDevices bounds how many devices have denials in the log.
	maxDevices = 4096
	// sameDenial is for how long denials of one device, destination, protocol
	// and port are the same one: a traceroute is one denial, not thirty.
	sameDenial = 30 * time.Second
)

// ErrNoDecision is returned for an id that the log does not hold (any more).
var ErrNoDecision error = &advice.Error{
	Text:   "no such decision",
	Advice: "ids are kept for the last 128 denials of a device, until the edge restarts; client status --denials lists them, on the edge oneping policy denials",
}

// Log keeps the latest denials of each device. The zero value is not ready;
// use NewLog. Safe for concurrent use.
type Log struct {
	mu      sync.Mutex
	devices map[string]*history
	ids     map[proto.DecisionID]*denial
	sums    *sums
}

type history struct {
	ring   [perDevice]*denial
	next   int
	recent map[denialKey]*denial // of the ring
}

type denialKey struct {
	dst   netip.Addr
	proto Proto
	port  uint16
}

func keyOf(t Target) denialKey {
	k := denialKey{dst: t.Dst, proto: t.Proto, port: t.Port}
	if t.Proto == UDP {
		k.port = probePort(t.Port)
	}
	return k
}

type denial struct {
	id        proto.DecisionID
	key       denialKey
	time      time.Time
	count     int
	principal Principal
	target    Target
	policy    *Compiled
}

// NewLog returns an empty log.
func NewLog() *Log {
	return &Log{devices: make(map[string]*history), ids: make(map[proto.DecisionID]*denial), sums: newSums()}
}

// Deny records that policy c denied t to p and returns the denial's id. first
// is false where the same denial was recorded within the last 30 s and only counted again.
func (l *Log) Deny(c *Compiled, p Principal, t Target) (id proto.DecisionID, first bool) {
	now := time.Now()
	key := keyOf(t)
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.sums.add(now, id, &p, &t) }()
	h := l.devices[p.Device]
	if h == nil {
		if len(l.devices) >= maxDevices {
			l.forgetOldest()
		}
		h = &history{recent: make(map[denialKey]*denial)}
		l.devices[p.Device] = h
	}
	if d := h.recent[key]; d != nil && now.Sub(d.time) < sameDenial {
		d.count++
		return d.id, false
	}
	d := &denial{id: proto.NewDecisionID(), key: key, time: now, count: 1, principal: p, target: t, policy: c}
	if old := h.ring[h.next]; old != nil {
		l.drop(h, old)
	}
	h.ring[h.next], h.next = d, (h.next+1)%perDevice
	h.recent[key], l.ids[d.id] = d, d
	return d.id, true
}

// DenyUnheard counts a denial of which p does not hear, as he has had enough answers. It gets no id:
// in the history of a device it would push out those that the device knows.
func (l *Log) DenyUnheard(p Principal, t Target) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	var id proto.DecisionID
	if h := l.devices[p.Device]; h != nil {
		if d := h.recent[keyOf(t)]; d != nil && now.Sub(d.time) < sameDenial {
			d.count++
			id = d.id
		}
	}
	l.sums.add(now, id, &p, &t)
}

func (l *Log) drop(h *history, d *denial) {
	delete(l.ids, d.id)
	if h.recent[d.key] == d {
		delete(h.recent, d.key)
	}
}

// forgetOldest drops the device whose latest denial is the oldest.
func (l *Log) forgetOldest() {
	var name string
	var oldest time.Time
	for n, h := range l.devices {
		last := h.ring[(h.next+perDevice-1)%perDevice]
		if name == "" || last.time.Before(oldest) {
			name, oldest = n, last.time
		}
	}
	h := l.devices[name]
	for _, d := range h.ring {
		if d != nil {
			l.drop(h, d)
		}
	}
	delete(l.devices, name)
}

// Explain explains the denial id with the policy that made it. now is the policy of today.
func (l *Log) Explain(id proto.DecisionID, now *Compiled) (Explanation, error) {
	l.mu.Lock()
	d := l.ids[id]
	var v denial
	if d != nil {
		v = *d
	}
	l.mu.Unlock()
	if d == nil {
		return Explanation{}, ErrNoDecision
	}
	e := v.policy.Explain(v.principal, v.target)
	e.ID, e.Time, e.Count = v.id, v.time, v.count
	if now != nil {
		p := now.Principal(v.principal.Device, v.principal.User)
		e.Now = now.Decide(&p, v.target).Allowed
	}
	return e, nil
}
