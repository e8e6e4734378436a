package state

import (
	"context"
	"crypto/rand"
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

// ensurePlan chooses where addresses come from, and follows the configuration until a device has
// enrolled: after that the plan is kept, whatever is configured.
func (s *Store) ensurePlan(ctx context.Context) error {
	return s.change(ctx, func(sn *model.Snapshot) (write, error) {
		p := sn.Plan
		if len(sn.Devices) == 0 {
			p = model.Plan{Prefix4: over(s.cfg.Prefix4, p.Prefix4), Prefix6: over(s.cfg.Prefix6, p.Prefix6)}
		}
		if !p.Prefix4.IsValid() {
			p.Prefix4 = defaultPrefix4
		}
		if !p.Prefix6.IsValid() {
			p.Prefix6 = newPrefix6()
		}
		if p == sn.Plan {
			return write{}, errNothing
		}
		return write{kindPlan, p}, nil
	})
}

// over returns what is configured, else what is stored.
func over(configured, stored netip.Prefix) netip.Prefix {
	if configured.IsValid() {
		return configured
	}
	return stored
}

// EnsurePlan returns where device addresses come from, and chooses it where
// that has not been done.
func (s *Store) EnsurePlan(ctx context.Context) (model.Plan, error) {
	if err := s.ensurePlan(ctx); err != nil {
		return model.Plan{}, err
	}
	return s.Snapshot().Plan, nil
}
