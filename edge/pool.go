package edge

import (
	"fmt"
	"net/netip"

	"go.uber.org/zap"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/term"
)

// PoolStatus is where devices get addresses of one family.
type PoolStatus struct {
	Prefix netip.Prefix `json:"prefix"`
	Given  int          `json:"given"` // addresses that devices have
	// Ignored is what the configuration says instead, in vain: devices have addresses of Prefix.
	Ignored netip.Prefix `json:"ignored,omitzero"`
}

// pools returns the pool of each family.
func (e *Edge) pools(sn *model.Snapshot) []PoolStatus {
	v4, v6 := PoolStatus{Prefix: sn.Plan.Prefix4}, PoolStatus{Prefix: sn.Plan.Prefix6}
	if c := e.cfg.Prefix4; c.IsValid() && c != v4.Prefix {
		v4.Ignored = c
	}
	if c := e.cfg.Prefix6; c.IsValid() && c != v6.Prefix {
		v6.Ignored = c
	}
	for _, d := range sn.Devices {
		if v4.Prefix.Contains(d.Addr4) {
			v4.Given++
		}
		if v6.Prefix.Contains(d.Addr6) {
			v6.Given++
		}
	}
	return []PoolStatus{v4, v6}
}

// advice says what to do about a prefix that is configured in vain; "" where there is none.
func (p *PoolStatus) advice() string {
	if !p.Ignored.IsValid() {
		return ""
	}
	return fmt.Sprintf("devices have addresses of %s: write that in the configuration, or set up a new edge", p.Prefix)
}

// warnIgnored says at the start what of the configuration is not followed.
func (e *Edge) warnIgnored(sn *model.Snapshot) {
	for _, p := range e.pools(sn) {
		if p.Ignored.IsValid() {
			e.cfg.Log.Warn("a changed prefix for devices is not used",
				zap.Stringer("configured", p.Ignored), zap.Stringer("used", p.Prefix), zap.String(obs.FieldHint, p.advice()))
		}
	}
}

// pools writes a row for each.
func pools(t *term.Table, list []PoolStatus) {
	for i := range list {
		p := &list[i]
		text := fmt.Sprintf("%s, %d given", p.Prefix, p.Given)
		if p.Ignored.IsValid() {
			text += fmt.Sprintf(", and not %s as the configuration says", p.Ignored)
		}
		t.Row("pool", text)
		if hint := p.advice(); hint != "" {
			t.Hint(hint)
		}
	}
}
