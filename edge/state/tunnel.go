package state

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/oneping/oneping/proto"
)

// tunnelName is what a tunnel may be called: it stands in commands, grants and file names.
var tunnelName = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// Tunnel returns the tunnel with that name or id.
func (sn *Snapshot) Tunnel(nameOrID string) (Tunnel, bool) {
	if t, ok := sn.Tunnels[nameOrID]; ok {
		return t, true
	}
	for _, t := range sn.Tunnels {
		if t.Name == nameOrID {
			return t, true
		}
	}
	return Tunnel{}, false
}

// RoutesOf returns the routes that point to a tunnel (id).
func (sn *Snapshot) RoutesOf(tunnel string) []Route {
	var routes []Route
	for _, r := range sn.Routes {
		if r.Tunnel == tunnel {
			routes = append(routes, r)
		}
	}
	return routes
}

// ReplicasOf returns the replicas of a tunnel (id), oldest first.
func (sn *Snapshot) ReplicasOf(tunnel string) []Replica {
	var replicas []Replica
	for _, r := range sn.Replicas {
		if r.Tunnel == tunnel {
			replicas = append(replicas, r)
		}
	}
	slices.SortFunc(replicas, func(a, b Replica) int { return a.Created.Compare(b.Created) })
	return replicas
}

// CreateTunnel makes a tunnel with a name that no other has.
func (s *Store) CreateTunnel(ctx context.Context, name string) (Tunnel, error) {
	if !tunnelName.MatchString(name) {
		return Tunnel{}, &Error{
			Text:   fmt.Sprintf("create tunnel %q: not a valid name", name),
			Advice: "use 1 to 63 lower case letters, digits and hyphens, such as office-berlin",
		}
	}
	t := Tunnel{ID: proto.NewID(), Name: name, Created: s.cfg.Now().UTC()}
	err := s.change(ctx, func(sn *Snapshot) (write, error) {
		if _, taken := sn.Tunnel(name); taken {
			return write{}, &Error{
				Text:   fmt.Sprintf("create tunnel %s: the name is taken", name),
				Advice: "show it: oneping tunnel show " + name,
			}
		}
		return write{keyTunnel(t.ID), t}, nil
	})
	if err != nil {
		return Tunnel{}, err
	}
	return t, nil
}

// DeleteTunnel deletes a tunnel (name or id) with its tokens and replicas,
// whose links the edge then ends. It refuses while routes point to it.
func (s *Store) DeleteTunnel(ctx context.Context, nameOrID string) error {
	var gone Tunnel
	err := s.change(ctx, func(sn *Snapshot) (write, error) {
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

func routed(name string, routes []Route) error {
	var lines []string
	for _, r := range routes {
		lines = append(lines, "oneping route delete "+r.Prefix.String())
	}
	return &Error{
		Text:   fmt.Sprintf("delete tunnel %s: routes point to it (%d)", name, len(routes)),
		Advice: "delete them first: " + strings.Join(lines, "; "),
	}
}

// sweep deletes what belonged to a tunnel that is gone: its replicas and tokens
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
	for _, r := range sn.ReplicasOf(tunnel) {
		if err := s.drop(ctx, keyReplica(r.ID)); err != nil {
			return err
		}
	}
	return nil
}

// drop deletes a key, whatever it holds.
func (s *Store) drop(ctx context.Context, key string) error {
	return s.change(ctx, func(*Snapshot) (write, error) { return write{key, nil}, nil })
}
