package sim

import (
	"context"
	"net/netip"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// gate is the world as the edge's gate: nobody enrols here, and nobody lives long enough to renew.
type gate struct{ *world }

func (w gate) Identify(l *link.Link) (proto.Identity, error)    { return w.identify(l) }
func (w gate) Welcome(id proto.Identity) (proto.Welcome, error) { return w.welcome(id) }
func (gate) Renew(proto.Identity, []byte) proto.Renewed         { return proto.Renewed{Error: "not here"} }
func (gate) Know(netip.Addr)                                    {}
func (gate) Seen(context.Context, proto.Identity)               {}
func (gate) Enrol(_ context.Context, l *link.Link) error {
	return l.Close(proto.CodeRefused, "not here")
}
