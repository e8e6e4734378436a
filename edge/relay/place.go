package relay

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sync/atomic"

	"github.com/oneping/oneping/edge/policy"
)

// tunnel is the set of a tunnel's attached connectors. Written under Relay.mu.
type tunnel struct {
	live atomic.Pointer[[]*connector]
}

// connector is one connector across its attachments.
type connector struct {
	id         string
	tunnel     string
	weight     uint64 // hash of id
	attachment atomic.Pointer[ConnectorAttachment]
}

func newConnector(id, tunnel string) *connector {
	w := uint64(14695981039346656037) // FNV-1a, then mixed: the same on every edge and after every restart
	for i := range len(id) {
		w = (w ^ uint64(id[i])) * 1099511628211
	}
	return &connector{id: id, tunnel: tunnel, weight: mix(w)}
}

// add puts con among the attached ones.
func (t *tunnel) add(con *connector) {
	old := t.connectors()
	if !slices.Contains(old, con) {
		next := append(slices.Clone(old), con)
		t.live.Store(&next)
	}
}

// remove takes con out. A nil tunnel has nobody.
func (t *tunnel) remove(con *connector) {
	if t == nil {
		return
	}
	next := slices.DeleteFunc(slices.Clone(t.connectors()), func(x *connector) bool { return x == con })
	t.live.Store(&next)
}

func (t *tunnel) connectors() []*connector {
	if p := t.live.Load(); p != nil {
		return *p
	}
	return nil
}

// only returns the one connector that is attached, where there is no choice and so nothing to hash;
// nil where there is none, or more. A nil tunnel has nobody.
func (t *tunnel) only() *connector {
	if t == nil {
		return nil
	}
	if all := t.connectors(); len(all) == 1 {
		return all[0]
	}
	return nil
}

// pick places a flow by rendezvous hashing: the attached connector with the
// highest hash of (connector, key), so that one that leaves or comes moves only its own
// share. Nil where nobody is attached. A nil tunnel has nobody.
func (t *tunnel) pick(key uint64) *ConnectorAttachment {
	if t == nil {
		return nil
	}
	var best *ConnectorAttachment
	var high uint64
	for _, con := range t.connectors() {
		at := con.attachment.Load()
		if at == nil {
			continue
		}
		if w := mix(con.weight ^ key); best == nil || w > high {
			best, high = at, w
		}
	}
	return best
}

// placeKey hashes what keeps a conversation together: device address,
// destination, protocol, and for ICMP the identifier.
func placeKey(src, dst netip.Addr, proto policy.Proto, ident uint16) uint64 {
	h := mix(uint64(proto)<<16 | uint64(ident))
	return mix(addrHash(addrHash(h, src), dst))
}

func addrHash(h uint64, a netip.Addr) uint64 {
	b := a.As16()
	h = mix(h ^ binary.BigEndian.Uint64(b[:8]))
	return mix(h ^ binary.BigEndian.Uint64(b[8:]))
}

// mix is the finalizer of SplitMix64: every bit of the result depends on every bit of x.
func mix(x uint64) uint64 {
	x += 0x9e3779b97f4a7c15
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
