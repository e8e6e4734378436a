package state

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"time"

	"github.com/oneping/oneping/edge/model"
)

// AdvicePool says how a full pool gets room.
const AdvicePool = "revoke devices that are gone: oneping device list, oneping device revoke ID; their addresses are given out anew an hour later"

// defaultRest is for how long the addresses of a revoked device go to nobody. By then nothing on
// the way remembers it: sessions are idle for minutes.
const defaultRest = time.Hour

// Reserve keeps addresses of the edge's own from being given to devices.
func (s *Store) Reserve(addrs []netip.Addr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.reserved = slices.Clone(addrs)
}

// isReserved says whether a is the edge's own.
func (s *Store) isReserved(a netip.Addr) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Contains(s.cfg.Reserved, a) || slices.Contains(s.reserved, a)
}

// address gives d an address of each family.
func (s *Store) address(sn *model.Snapshot, d *model.Device) error {
	used := make(map[netip.Addr]bool, 2*len(sn.Devices))
	for _, o := range sn.Devices {
		used[o.Addr4], used[o.Addr6] = true, true
	}
	taken := func(a netip.Addr) bool { return used[a] || s.isReserved(a) }
	var ok4, ok6 bool
	if d.Addr4, ok4 = freeHost(sn.Plan.Prefix4, taken); !ok4 {
		return poolFull(sn, sn.Plan.Prefix4)
	}
	if d.Addr6, ok6 = freeHost(sn.Plan.Prefix6, taken); !ok6 {
		return poolFull(sn, sn.Plan.Prefix6)
	}
	return nil
}

// freeHost returns the lowest address of prefix that is not taken. The first is never given out: it
// is the subnet's own (RFC 4291 §2.6.1), nor is the last one of IPv4, which is broadcast.
func freeHost(prefix netip.Prefix, taken func(netip.Addr) bool) (netip.Addr, bool) {
	for a := prefix.Masked().Addr().Next(); prefix.Contains(a); a = a.Next() {
		if !taken(a) && (!a.Is4() || prefix.Contains(a.Next())) {
			return a, true
		}
	}
	return netip.Addr{}, false
}

// given counts the devices that have an address of prefix.
func given(sn *model.Snapshot, prefix netip.Prefix) int {
	n := 0
	for _, d := range sn.Devices {
		if prefix.Contains(d.Addr4) || prefix.Contains(d.Addr6) {
			n++
		}
	}
	return n
}

// CheckRoom says whether a device that enrolled now would get addresses: nil, or the *Refusal that
// it would get.
func (s *Store) CheckRoom() error {
	sn := s.Snapshot()
	if sn == nil {
		return ErrNotReady
	}
	if !sn.Plan.Prefix4.IsValid() {
		return nil // nobody has enrolled yet
	}
	err := s.address(sn, new(model.Device))
	if s.longestRevoked(sn) != "" {
		return nil
	}
	return err
}

// release takes the addresses of the device that has been revoked for longest, so that another one
// can have them. It returns false where there is none.
func (s *Store) release(ctx context.Context) (bool, error) {
	found := false
	err := s.change(ctx, func(sn *model.Snapshot) (write, error) {
		id := s.longestRevoked(sn)
		if found = id != ""; !found {
			return write{}, errNothing
		}
		d := sn.Devices[id]
		d.Addr4, d.Addr6 = netip.Addr{}, netip.Addr{}
		return write{keyDevice(id), d}, nil
	})
	return found, err
}

// longestRevoked returns the device whose addresses have rested for longest, and long enough: by
// the time that is stored and by this process's stopwatch. "" is none.
func (s *Store) longestRevoked(sn *model.Snapshot) (id string) {
	var since time.Time
	for _, d := range sn.Devices {
		if len(d.Addrs()) == 0 || !s.rested(&d) {
			continue
		}
		if id == "" || d.RevokedAt.Before(since) {
			id, since = d.ID, d.RevokedAt
		}
	}
	return id
}

// rested says whether a device was revoked so long ago that nothing on the way remembers its
// addresses.
func (s *Store) rested(d *model.Device) bool {
	return d.Revoked && !d.RevokedAt.After(s.cfg.Now().Add(-s.cfg.Rest)) && s.silent(d.ID) >= s.cfg.Rest
}

// isFull says whether err is that a pool is full.
func isFull(err error) bool {
	r, ok := errors.AsType[*Refusal](err)
	return ok && r.Why == PoolFull
}
