package state

import (
	"context"
	"net/netip"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// CreateTunnel makes a tunnel with a name that no other has.
func (s *Store) CreateTunnel(ctx context.Context, name string) (model.Tunnel, error) {
	return s.CreateTunnelFor(ctx, name, model.DefaultConnectors)
}

// CreateTunnelFor makes a tunnel that may have so many connectors.
func (s *Store) CreateTunnelFor(ctx context.Context, name string, connectors int) (model.Tunnel, error) {
	if !model.IsTunnelName(name) {
		return model.Tunnel{}, badName(name)
	}
	if err := CheckLimit(connectors); err != nil {
		return model.Tunnel{}, err
	}
	t := model.Tunnel{ID: proto.NewID(), Name: name, Created: s.cfg.Now().UTC()}
	if connectors != model.DefaultConnectors {
		t.MaxConnectors = connectors
	}
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if _, taken := sn.Tunnel(name); taken {
			return write{}, nameTaken(name)
		}
		return write{keyTunnel(t.ID), t}, nil
	})
	if err != nil {
		return model.Tunnel{}, err
	}
	return t, nil
}

// DeleteTunnel deletes a tunnel (name or id) with its tokens and connectors,
// whose links the edge then ends. It refuses while routes point to it, or grants name it: they
// would be another one's that is given its name.
func (s *Store) DeleteTunnel(ctx context.Context, nameOrID string) error {
	var gone model.Tunnel
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		t, ok := sn.Tunnel(nameOrID)
		if !ok {
			return write{}, NotFound(NoTunnel, nameOrID)
		}
		if routes := sn.RoutesOf(t.ID); len(routes) > 0 {
			return write{}, hasRoutes(t.Name, prefixesOf(routes))
		}
		if grants := sn.Policy.GrantsTo(t.Name); len(grants) > 0 {
			return write{}, hasGrants(t.Name, grants)
		}
		gone = t
		return write{keyTunnel(t.ID), nil}, nil
	})
	if err != nil {
		return err
	}
	return s.sweep(ctx, gone.ID)
}

func prefixesOf(routes []model.Route) []netip.Prefix {
	out := make([]netip.Prefix, len(routes))
	for i, r := range routes {
		out[i] = r.Prefix
	}
	return out
}

// sweep deletes what belonged to a tunnel that is gone: its connectors and tokens
// are refused already, because their tunnel does not exist.
func (s *Store) sweep(ctx context.Context, tunnel string) error {
	sn := s.Snapshot()
	for id, t := range sn.Tokens {
		if t.Tunnel == tunnel {
			if err := s.drop(ctx, keyToken(id)); err != nil {
				return err
			}
		}
	}
	for _, r := range sn.ConnectorsOf(tunnel) {
		if err := s.drop(ctx, keyConnector(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes a key, whatever it holds.
func (s *Store) drop(ctx context.Context, key string) error {
	return s.change(ctx, func(*model.Snapshot) (write, error) { return write{key, nil}, nil })
}
