package edge

import (
	"context"
	"net/netip"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// Gate is who decides about nodes: the authority and the store of a real edge, or a simulation's
// own. Safe for concurrent use.
type Gate interface {
	// Identify says whose link it is. The text of the error and, of a
	// *link.RefusedError, its code are told to the node.
	Identify(*link.Link) (proto.Identity, error)
	// Welcome returns what the node is greeted with. It is called again when the state has changed.
	// Capture is sorted by netip.Prefix.Compare, without duplicates, and never changed afterwards;
	// nodes may share one. The numbers of the Config are the acceptor's.
	Welcome(proto.Identity) (proto.Welcome, error)
	// Enrol serves one enrolment connection, closes it and logs what it decided; an error is of a
	// connection that ended before that. It bounds how many there are and how long one takes.
	Enrol(context.Context, *link.Link) error
	// Renew makes a new certificate of a request (PKCS #10, DER), or says why not.
	Renew(proto.Identity, []byte) proto.Renewed
	// Know is told an address from which a node was let in.
	Know(netip.Addr)
	// Seen is told that a node is there.
	Seen(context.Context, proto.Identity)
}

// gate is the Edge as its own Gate.
type gate struct{ *Edge }

// Identify asks the authority.
func (e gate) Identify(l *link.Link) (proto.Identity, error) { return e.authority.Identify(l) }

// Welcome says what the state has for the node.
func (e gate) Welcome(id proto.Identity) (proto.Welcome, error) { return e.welcome(id) }

// Enrol lets the authority serve l.
func (e gate) Enrol(ctx context.Context, l *link.Link) error { return e.authority.ServeEnrol(ctx, l) }

// Renew lets the authority sign.
func (e gate) Renew(id proto.Identity, csr []byte) proto.Renewed {
	cert, err := e.authority.Renew(id, csr)
	if err != nil {
		return proto.Renewed{Error: err.Error()}
	}
	return proto.Renewed{Cert: cert}
}

// Know tells the authority who is no stranger.
func (e gate) Know(from netip.Addr) { e.authority.Know(from) }

// Seen notes that a node is there; the store writes it only now and then.
func (e gate) Seen(ctx context.Context, id proto.Identity) {
	if err := e.store.Touch(ctx, id.ID); err != nil && ctx.Err() == nil {
		e.cfg.Log.Warn("cannot note that a node was seen", zap.Stringer("node", id), zap.Error(err)) // one line for all nodes
	}
}
