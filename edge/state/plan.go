package state

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"

	"github.com/oneping/oneping/edge/model"
)

// defaultPrefix4 is a part of the shared address space (RFC 6598) that carriers and other overlays
// rarely use.
var defaultPrefix4 = netip.MustParsePrefix("100.96.0.0/12")

// newPrefix6 returns a unique local /64: fd, 40 random bits, subnet 0 (RFC 4193 §3.2).
func newPrefix6() netip.Prefix {
	b := [16]byte{0xfd}
	_, _ = rand.Read(b[1:6])
	return netip.PrefixFrom(netip.AddrFrom16(b), 64)
}

// ensurePlan chooses where addresses come from, once in the life of an edge.
func (s *Store) ensurePlan(ctx context.Context) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		if sn.Plan.Prefix4.IsValid() {
			return write{}, errNothing
		}
		p := model.Plan{Prefix4: s.cfg.Prefix4, Prefix6: s.cfg.Prefix6}
		if !p.Prefix4.IsValid() {
			p.Prefix4 = defaultPrefix4
		}
		if !p.Prefix6.IsValid() {
			p.Prefix6 = newPrefix6()
		}
		return write{kindPlan, p}, nil
	})
}

// freeHost returns the lowest address of prefix that used does not contain. The
// first is never given out: it is the subnet's own (RFC 4291 §2.6.1), nor is
// the last one of IPv4, which is broadcast.
func freeHost(prefix netip.Prefix, used map[netip.Addr]bool) (netip.Addr, error) {
	for a := prefix.Masked().Addr().Next(); prefix.Contains(a); a = a.Next() {
		if !used[a] && (!a.Is4() || prefix.Contains(a.Next())) {
			return a, nil
		}
	}
	return netip.Addr{}, fmt.Errorf("allocate address: none is left in %s", prefix)
}

// EnsurePlan returns where device addresses come from, and chooses it where
// that has not been done.
func (s *Store) EnsurePlan(ctx context.Context) (model.Plan, error) {
	if err := s.ensurePlan(ctx); err != nil {
		return model.Plan{}, err
	}
	return s.Snapshot().Plan, nil
}
