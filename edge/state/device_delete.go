package state

import (
	"context"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// RenameDevice changes what a device is called. The caller has checked the name.
func (s *Store) RenameDevice(ctx context.Context, id, name string) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		d, ok := sn.Devices[id]
		switch {
		case !ok || d.Deleted:
			return write{}, NotFound(NoDevice, id)
		case d.Name == name:
			return write{}, errNothing
		}
		d.Name = name
		return write{keyDevice(id), d}, nil
	})
}

// DeleteDevice shuts a device out as RevokeDevice does, and lets nobody see it any more. Its record
// goes when its addresses have rested: ForgetDevices.
func (s *Store) DeleteDevice(ctx context.Context, id string) error {
	if s.admitted(id) {
		defer s.hear(id) // its addresses rest from now on
	}
	return s.revoke(ctx, "device "+id+" (deleted)", func(sn *model.Snapshot) (write, error) {
		d, ok := sn.Devices[id]
		if !ok || d.Deleted {
			return write{}, NotFound(NoDevice, id)
		}
		if !d.Revoked {
			d.Revoked, d.RevokedAt = true, s.cfg.Now().UTC()
		}
		d.Deleted = true
		return write{keyDevice(id), d}, nil
	})
}

// admitted says whether a device is known and not revoked.
func (s *Store) admitted(id string) bool {
	sn := s.Snapshot()
	if sn == nil {
		return false
	}
	d, ok := sn.Devices[id]
	return ok && !d.Revoked
}

// ForgetDevices forgets the deleted devices whose addresses have rested, each with the token that it
// enrolled with: that one would make it again. It returns how many.
func (s *Store) ForgetDevices(ctx context.Context) (int, error) {
	sn := s.Snapshot()
	if sn == nil {
		return 0, ErrNotReady
	}
	n := 0
	for id, d := range sn.Devices {
		if !d.Deleted || !s.rested(&d) {
			continue
		}
		for token, t := range sn.Tokens {
			if t.Kind == string(proto.TokenDevice) && t.Device == id {
				if err := s.drop(ctx, keyToken(token)); err != nil {
					return n, err
				}
			}
		}
		if err := s.drop(ctx, keyDevice(id)); err != nil {
			return n, err
		}
		if err := s.forgetSeen(ctx, id); err != nil {
			return n, err
		}
		n++
	}
	return n, nil
}
