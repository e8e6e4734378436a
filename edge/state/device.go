package state

import (
	"bytes"
	"cmp"
	"context"
	"fmt"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// AllocateDevice stores a new device and gives it one address per family that no other device has.
// Where a pool is full, it takes those of the device that has been revoked for longest, once they
// have rested; else the error is a *Refusal. id, Name, User, OS and KeyHash are taken from d; an
// existing device of that id and key is returned as it is.
func (s *Store) AllocateDevice(ctx context.Context, d model.Device) (model.Device, error) {
	if err := s.ensurePlan(ctx); err != nil {
		return model.Device{}, err
	}
	if d.ID == "" {
		d.ID = proto.NewID()
	}
	for {
		err := s.allocate(ctx, &d)
		if !isFull(err) {
			return d, err
		}
		released, failed := s.release(ctx)
		if failed != nil || !released {
			return d, cmp.Or(failed, err)
		}
	}
}

func (s *Store) allocate(ctx context.Context, d *model.Device) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if old, ok := sn.Devices[d.ID]; ok {
			if !bytes.Equal(old.KeyHash, d.KeyHash) {
				return write{}, fmt.Errorf("store device %s: it exists with another key", d.ID)
			}
			*d = old
			return write{}, errNothing
		}
		for _, t := range sn.Tokens {
			if t.Device == d.ID && t.Revoked { // since it was used for this device
				return write{}, withdrawn(sn, &t)
			}
		}
		if err := s.address(sn, d); err != nil {
			return write{}, err
		}
		d.Created = s.cfg.Now().UTC()
		return write{keyDevice(d.ID), *d}, nil
	})
}

// RevokeDevice shuts a device out for good; the edges end its links. Where that cannot be written
// this edge does so all the same, and the error is ErrHeld.
func (s *Store) RevokeDevice(ctx context.Context, id string) error {
	defer s.hear(id) // its addresses rest from now on
	return s.revoke(ctx, "device "+id, func(sn *model.Snapshot) (write, error) {
		d, ok := sn.Devices[id]
		if !ok {
			return write{}, NotFound(NoDevice, id)
		}
		if d.Revoked {
			return write{}, errNothing
		}
		d.Revoked, d.RevokedAt = true, s.cfg.Now().UTC()
		return write{keyDevice(id), d}, nil
	})
}
