package state

import (
	"context"
	"net/netip"
	"slices"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// AddRoute points a prefix to a tunnel (name or id). The same prefix is
// refused twice; a longer or shorter one beside it is fine, the longest match
// wins. The prefix is captured by clients from now on, also after the route is
// deleted, until RemoveCapture.
func (s *Store) AddRoute(ctx context.Context, p netip.Prefix, tunnel string) (model.Route, error) {
	if err := model.CheckPrefix(p); err != nil {
		return model.Route{}, err
	}
	if sn := s.Snapshot(); sn != nil {
		if _, err := newRoute(sn, p, tunnel); err != nil {
			return model.Route{}, err
		}
	}
	// Captured first: a crash in between must not leave a route whose traffic could go astray.
	if err := s.AddCapture(ctx, p); err != nil {
		return model.Route{}, err
	}
	var route model.Route
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		r, err := newRoute(sn, p, tunnel)
		if err != nil {
			return write{}, err
		}
		r.Created = s.cfg.Now().UTC()
		route = r
		return write{keyRoute(p), r}, nil
	})
	return route, err
}

func newRoute(sn *model.Snapshot, p netip.Prefix, tunnel string) (model.Route, error) {
	t, ok := sn.Tunnel(tunnel)
	if !ok {
		return model.Route{}, noTunnelFor(p, tunnel)
	}
	if old, taken := sn.Route(p); taken {
		return model.Route{}, routeTaken(p, sn.Tunnels[old.Tunnel].Name)
	}
	return model.Route{Prefix: p, Tunnel: t.ID}, nil
}

// DeleteRoute deletes the route of exactly that prefix.
func (s *Store) DeleteRoute(ctx context.Context, p netip.Prefix) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if _, ok := sn.Route(p); !ok {
			return write{}, NotFound(NoRoute, p.String())
		}
		return write{keyRoute(p), nil}, nil
	})
}

// CheckCapture refuses a list of n captured prefixes that is longer than a client takes.
func CheckCapture(n int) error {
	if n <= proto.MaxCapture {
		return nil
	}
	return captureFull(n)
}

// AddCapture makes clients take a prefix off their hosts. It refuses one too many: nobody could
// have such a configuration.
func (s *Store) AddCapture(ctx context.Context, p netip.Prefix) error {
	if err := model.CheckPrefix(p); err != nil {
		return err
	}
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if slices.Contains(sn.Capture, p) {
			return write{}, errNothing
		}
		if err := CheckCapture(len(sn.Capture) + 1 + s.cfg.Captured); err != nil {
			return write{}, err
		}
		return write{keyCapture(p), p}, nil
	})
}

// RemoveCapture gives a prefix back to the clients' hosts. It refuses while a
// route of that prefix exists.
func (s *Store) RemoveCapture(ctx context.Context, p netip.Prefix) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if !slices.Contains(sn.Capture, p) {
			return write{}, NotFound(NoCapture, p.String())
		}
		if _, routed := sn.Route(p); routed {
			return write{}, stillRouted(p)
		}
		return write{keyCapture(p), nil}, nil
	})
}
