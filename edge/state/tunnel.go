package state

import (
	"context"
	"fmt"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// CreateTunnel makes a tunnel with a name that no other has.
func (s *Store) CreateTunnel(ctx context.Context, name string) (model.Tunnel, error) {
	if !model.IsTunnelName(name) {
		return model.Tunnel{}, &advice.Error{
			Text:   fmt.Sprintf("create tunnel %q: not a valid name", name),
			Advice: "use 1 to 63 lower case letters, digits and hyphens, such as office-berlin",
		}
	}
	t := model.Tunnel{ID: proto.NewID(), Name: name, Created: s.cfg.Now().UTC()}
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if _, taken := sn.Tunnel(name); taken {
			return write{}, &advice.Error{
				Text:   fmt.Sprintf("create tunnel %s: the name is taken", name),
				Advice: "show it: oneping tunnel show " + name,
			}
		}
		return write{keyTunnel(t.ID), t}, nil
	})
	if err != nil {
		return model.Tunnel{}, err
	}
	return t, nil
}

// DeleteTunnel deletes a tunnel (name or id) with its tokens and connectors,
// whose links the edge then ends. It refuses while routes point to it.
func (s *Store) DeleteTunnel(ctx context.Context, nameOrID string) error {
	var gone model.Tunnel
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		t, ok := sn.Tunnel(nameOrID)
		if !ok {
			return write{}, notFound("tunnel "+nameOrID, "tunnel list")
		}
		if routes := sn.RoutesOf(t.ID); len(routes) > 0 {
			return write{}, routed(t.Name, routes)
		}
		gone = t
		return write{keyTunnel(t.ID), nil}, nil
	})
	if err != nil {
		return err
	}
	return s.sweep(ctx, gone.ID)
}

func routed(name string, routes []model.Route) error {
	var lines []string
	for _, r := range routes {
		lines = append(lines, "oneping route delete "+r.Prefix.String())
	}
	return &advice.Error{
		Text:   fmt.Sprintf("delete tunnel %s: routes point to it (%d)", name, len(routes)),
		Advice: "delete them first: " + strings.Join(lines, "; "),
	}
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
