package sim

import (
	"crypto/tls"
	"errors"
	"testing"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/node/nodetest"
	"github.com/oneping/oneping/proto"
)

// authority issues the certificates of one world.
type authority struct{ *nodetest.Authority }

func newAuthority(t testing.TB) *authority {
	t.Helper()
	a, err := nodetest.NewAuthority()
	if err != nil {
		t.Fatal(err)
	}
	return &authority{a}
}

// tls returns the configuration of either side of a link.
func (a *authority) tls(t testing.TB, id proto.Identity) *tls.Config {
	t.Helper()
	conf, err := a.TLS(id)
	if err != nil {
		t.Fatal(err)
	}
	return conf
}

// node returns a node that has enrolled at the world's edge.
func (a *authority) node(t testing.TB, id proto.Identity) *node.Node {
	t.Helper()
	n, err := a.Node(t.TempDir(), id, edgeSocket)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// identify reads the identity that a peer's certificate carries.
func identify(l *link.Link) (proto.Identity, error) {
	peer := l.Peer()
	if len(peer) == 0 || len(peer[0].URIs) != 1 {
		return proto.Identity{}, errors.New("no identity")
	}
	return proto.ParseIdentity(peer[0].URIs[0])
}
