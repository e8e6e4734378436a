package state

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/proto"
)

// AllocateDevice stores a new device and gives it one address per family that
// no other device has or had. id, Name, User, OS and KeyHash are taken from d; an
// existing device of that id and key is returned as it is.
func (s *Store) AllocateDevice(ctx context.Context, d model.Device) (model.Device, error) {
	if err := s.ensurePlan(ctx); err != nil {
		return model.Device{}, err
	}
	if d.ID == "" {
		d.ID = proto.NewID()
	}
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if old, ok := sn.Devices[d.ID]; ok {
			if !bytes.Equal(old.KeyHash, d.KeyHash) {
				return write{}, fmt.Errorf("store device %s: it exists with another key", d.ID)
			}
			d = old
			return write{}, errNothing
		}
		if err := s.address(sn, &d); err != nil {
			return write{}, err
		}
		d.Created = s.cfg.Now().UTC()
		return write{keyDevice(d.ID), d}, nil
	})
	return d, err
}

// address gives d an address of each family.
func (s *Store) address(sn *model.Snapshot, d *model.Device) error {
	used := make(map[netip.Addr]bool, 2*len(sn.Devices))
	for _, a := range s.cfg.Reserved {
		used[a] = true
	}
	for _, o := range sn.Devices {
		used[o.Addr4], used[o.Addr6] = true, true
	}
	var err error
	if d.Addr4, err = freeHost(sn.Plan.Prefix4, used); err != nil {
		return err
	}
	d.Addr6, err = freeHost(sn.Plan.Prefix6, used)
	return err
}

// RevokeDevice shuts a device out for good; the edges end its links. Where that cannot be written
// this edge does so all the same, and the error is ErrHeld.
func (s *Store) RevokeDevice(ctx context.Context, id string) error {
	return s.revoke(ctx, "device "+id, func(sn *model.Snapshot) (write, error) {
		d, ok := sn.Devices[id]
		if !ok {
			return write{}, NotFound(NoDevice, id)
		}
		if d.Revoked {
			return write{}, errNothing
		}
		d.Revoked = true
		return write{keyDevice(id), d}, nil
	})
}
