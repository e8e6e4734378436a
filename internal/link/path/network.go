package path

import (
	"context"
	"net/netip"
	"slices"

	"go.uber.org/zap"
)

// maxMoves is how many of a link's spare paths changes of network may use up; the rest is for black
// holes.
const maxMoves = maxRetired / 2

// sourceNow looks from where this host speaks to the peer, and says from where it did before and
// whether that is news. To speak to it from nowhere is none.
func (ps *paths) sourceNow(ctx context.Context) (old, now netip.Addr, changed bool) {
	now = ps.net.Source(ctx, ps.remote)
	ps.mu.Lock()
	defer ps.mu.Unlock()
	old, ps.source = ps.source, now
	return old, now, now != old && now.IsValid()
}

// rebind prepares all sockets for the new network.
func (ps *paths) rebind() {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	for _, p := range append([]*localPath{ps.path, ps.spare, ps.unheard}, ps.retired...) {
		if p == nil {
			continue
		}
		if err := ps.net.Rebind(p.network, p.sock); err != nil {
			ps.log.Debug("cannot tie a socket to the new network", zap.Error(err))
		}
	}
}

// move switches to the spare path while there is one to spend, else to the one that was left
// longest ago, whose validation holds (quic-go: Path.Switch), else to the one in use once more. It
// reports whether it did.
func (ps *paths) move() bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return !ps.gone && (ps.moveAway() || ps.restart())
}

// again is move that stays where it can.
func (ps *paths) again() bool {
	ps.mu.Lock()
	defer ps.mu.Unlock()
	return !ps.gone && (ps.restart() || ps.moveAway())
}

// restart switches to the path in use: quic-go sends anew on it what it believed to be on its way,
// with a window of its own. The path of the handshake cannot. The caller holds mu.
func (ps *paths) restart() bool {
	return ps.path.path != nil && ps.path.path.Switch() == nil
}

// moveAway switches to another path. The caller holds mu.
func (ps *paths) moveAway() bool {
	if ps.spare != nil && len(ps.retired) < maxMoves {
		if ps.use(ps.spare) != nil {
			return false
		}
		ps.spare = nil
		return true
	}
	i := slices.IndexFunc(ps.retired, func(p *localPath) bool { return p.path != nil })
	if i < 0 || ps.use(ps.retired[i]) != nil {
		return false
	}
	ps.retired = slices.Delete(ps.retired, i, i+1)
	return true
}
