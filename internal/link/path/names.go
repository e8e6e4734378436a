package path

import (
	"context"
	"maps"
	"net/netip"
	"sync"
)

// Names remembers where each edge that is known by a name was when its link last came up. On a
// laptop whose name service sends its questions into the tunnel (systemd-resolved, with everything
// captured) the edge's name cannot be resolved while the link is down; what is remembered is
// dialled then. A nil *Names remembers nothing. Safe for concurrent use.
type Names struct {
	mu sync.Mutex
	// guarded by mu:
	at      map[string]netip.AddrPort // by host:port as configured
	dialled func(context.Context, []netip.AddrPort)
}

// OnDial has f told, before each attempt, of all addresses that it may dial: the host may have to
// be made ready for their answers. The attempt waits for f.
func (n *Names) OnDial(f func(ctx context.Context, targets []netip.AddrPort)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dialled = f
}

// tell tells whoever OnDial has named.
func (n *Names) tell(ctx context.Context, targets []netip.AddrPort) {
	if n == nil {
		return
	}
	n.mu.Lock()
	f := n.dialled
	n.mu.Unlock()
	if f != nil {
		f(ctx, targets)
	}
}

// Learn takes over what All returned earlier.
func (n *Names) Learn(at map[string]netip.AddrPort) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for addr, ap := range at {
		if ap.IsValid() {
			n.set(addr, ap)
		}
	}
}

// All returns a copy of what is remembered.
func (n *Names) All() map[string]netip.AddrPort {
	n.mu.Lock()
	defer n.mu.Unlock()
	return maps.Clone(n.at)
}

// answered notes that the edge addr, a name and a port, answered at ap and proved who it is.
func (n *Names) answered(addr string, ap netip.AddrPort) {
	if n == nil {
		return
	}
	if _, err := netip.ParseAddrPort(addr); err == nil {
		return // no name
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.set(addr, ap)
}

// set notes an address. The caller holds n.mu.
func (n *Names) set(addr string, ap netip.AddrPort) {
	if n.at == nil {
		n.at = make(map[string]netip.AddrPort)
	}
	n.at[addr] = ap
}

// last returns where addr was, if that is remembered.
func (n *Names) last(addr string) (netip.AddrPort, bool) {
	if n == nil {
		return netip.AddrPort{}, false
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	ap, ok := n.at[addr]
	return ap, ok
}
