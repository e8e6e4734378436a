package state

import (
	"context"
	"slices"

	"github.com/oneping/oneping/edge/model"
)

// RenameTunnel gives a tunnel (name or id) another name. Routes, tokens and connectors have its id
// and stay with it; the grants that name it are changed. It returns the tunnel, what it was called,
// and the grants.
//
// Nobody is denied anything meanwhile: the grants name the tunnel both ways until it is called
// otherwise. Where that is interrupted the same call goes on with it.
func (s *Store) RenameTunnel(ctx context.Context, nameOrID, name string) (t model.Tunnel, old string, grants []string, err error) {
	if !model.IsTunnelName(name) {
		return t, "", nil, badNewName(name)
	}
	sn := s.Snapshot()
	if sn == nil {
		return t, "", nil, ErrNotReady
	}
	if t, old, err = toRename(sn, nameOrID, name); err != nil || old == name {
		return t, old, nil, err
	}
	grants = sn.Policy.GrantsTo(old)
	if err := s.renameInPolicy(ctx, old, name, true); err != nil {
		return t, old, nil, err
	}
	if t, err = s.setName(ctx, t.ID, name); err != nil {
		return t, old, nil, err
	}
	return t, old, grants, s.renameInPolicy(ctx, old, name, false)
}

// toRename finds the tunnel that is to be called name, and what the grants call it: where an earlier
// call was interrupted it has the name already.
func toRename(sn *model.Snapshot, nameOrID, name string) (t model.Tunnel, old string, err error) {
	other, taken := sn.Tunnel(name)
	t, ok := sn.Tunnel(nameOrID)
	switch {
	case ok && taken && other.ID != t.ID:
		return t, "", renameTaken(t.Name, name)
	case ok:
		return t, t.Name, nil
	case taken && halfRenamed(&sn.Policy, nameOrID, name):
		return other, nameOrID, nil
	}
	return t, "", NotFound(NoTunnel, nameOrID)
}

// halfRenamed says whether a grant names a tunnel both ways.
func halfRenamed(p *model.Policy, old, name string) bool {
	return slices.ContainsFunc(p.Grants, func(g model.Grant) bool {
		return slices.Contains(g.To, "tunnel:"+old) && slices.Contains(g.To, "tunnel:"+name)
	})
}

// setName changes the name of a tunnel (id).
func (s *Store) setName(ctx context.Context, id, name string) (t model.Tunnel, err error) {
	err = s.change(ctx, func(sn *model.Snapshot) (write, error) {
		var ok bool
		if t, ok = sn.Tunnels[id]; !ok {
			return write{}, NotFound(NoTunnel, id)
		}
		switch other, taken := sn.Tunnel(name); {
		case taken && other.ID != id:
			return write{}, renameTaken(t.Name, name)
		case t.Name == name:
			return write{}, errNothing
		}
		t.Name = name
		return write{keyTunnel(id), t}, nil
	})
	return t, err
}

// renameInPolicy lets the grants that name tunnel old name another, too, or in the place of it.
func (s *Store) renameInPolicy(ctx context.Context, old, name string, too bool) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if len(sn.Policy.GrantsTo(old)) == 0 {
			return write{}, errNothing
		}
		p, err := fitPolicy(sn.Policy.WithTunnel(old, name, too))
		return write{kindPolicy, p}, err
	})
}
