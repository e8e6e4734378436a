package node

import (
	"slices"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// learn takes the addresses under which an edge says that it is to be reached; at is where the link
// over which it says so was dialled. The node dials them from now on, and forgets the others as soon
// as one of them has worked, but for those of its token, which come last: an edge can move, and a
// slip in its configuration locks nobody out, not even who reached a wrong address from where he was.
func (n *Node) learn(said []string, at string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.id.cert == nil {
		return
	}
	edges := learnt(said, n.id.edges, n.id.named, at)
	if len(edges) == 0 || slices.Equal(edges, n.id.edges) {
		return
	}
	id := n.id
	id.edges = edges
	if err := n.keepLocked(id); err != nil {
		n.cfg.Log.Warn("cannot keep the addresses of the edge", zap.Error(err), obs.Hint(err))
		return
	}
	n.cfg.Log.Info("the edge has said where it is to be reached", zap.Strings("edges", edges))
}

// learnt returns what is dialled after an edge has said so, where old was dialled until now, the token
// names named, and at has worked just now: what it says, behind that the old ones until one of the new
// has worked, and the token's. None: nothing of what it says can be dialled.
func learnt(said, old, named []string, at string) []string {
	var out []string
	for _, a := range said {
		if len(a) <= maxEdge && a == term.Printable(a) && conf.CheckDial(a) == nil && !slices.Contains(out, a) && len(out) < proto.MaxEdges {
			out = append(out, a)
		}
	}
	if len(out) == 0 {
		return nil
	}
	more := named
	if !slices.Contains(out, at) {
		more = slices.Concat([]string{at}, old, named)
	}
	for _, a := range more {
		if a != "" && !slices.Contains(out, a) && len(out) < 2*proto.MaxEdges {
			out = append(out, a)
		}
	}
	return out
}

// maxEdge bounds an address, in bytes: a name (RFC 1035 §2.3.4) and a port.
const maxEdge = 253 + len(":65535")
