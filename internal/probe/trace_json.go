package probe

import (
	"context"
	"net/netip"
	"time"
)

// TraceJSON is a whole ladder as JSON has it.
type TraceJSON struct {
	Host    string     `json:"host"`
	Address netip.Addr `json:"address"`
	Method  string     `json:"method"`
	MaxHops uint8      `json:"max_hops"`
	Size    int        `json:"size"`
	Reached bool       `json:"reached"` // the destination has answered
	Hops    []HopJSON  `json:"hops"`

	names *Names // nil: none
}

// HopJSON is what was heard with one TTL.
type HopJSON struct {
	TTL    uint8       `json:"ttl"`
	Probes []ProbeJSON `json:"probes"`
}

// ProbeJSON is what was heard about one probe; all of it is empty where nothing was.
type ProbeJSON struct {
	Address  string  `json:"address,omitempty"`
	Name     string  `json:"name,omitempty"`
	MS       float64 `json:"ms,omitempty"` // round trip
	Mark     string  `json:"mark,omitempty"`
	ReplyTTL uint8   `json:"reply_ttl,omitempty"`
}

// NewTraceJSON returns an empty ladder. names is nil where they are not asked for.
func NewTraceJSON(m Method, names *Names) *TraceJSON {
	return &TraceJSON{Method: m.String(), Hops: []HopJSON{}, names: names}
}

// Begin notes what is asked for.
func (t *TraceJSON) Begin(host string, dst netip.Addr, most uint8, size int) error {
	t.Host, t.Address, t.MaxHops, t.Size = host, dst, most, size
	return nil
}

// Rung notes one probe.
func (t *TraceJSON) Rung(ctx context.Context, r Rung) error {
	if r.Number == 0 {
		t.Hops = append(t.Hops, HopJSON{TTL: r.TTL})
	}
	var p ProbeJSON
	if r.Heard {
		p.MS, p.Mark, p.ReplyTTL = inMilliseconds(r.RTT), r.Answer.Mark(), r.Answer.TTL
		if a := r.Answer.From; a.IsValid() {
			p.Address = a.String()
			if t.names != nil {
				p.Name = t.names.Of(ctx, a)
			}
		}
		t.Reached = t.Reached || r.Answer.arrived(t.Address)
	}
	hop := &t.Hops[len(t.Hops)-1]
	hop.Probes = append(hop.Probes, p)
	return nil
}

// arrived says whether an answer shows that its packet has reached dst.
func (a *Answer) arrived(dst netip.Addr) bool {
	return a.Kind == Reply || a.Kind == Error && !a.passed() && a.Mark() == "" && a.From == dst
}

// End has nothing to add.
func (t *TraceJSON) End() error { return nil }

// inMilliseconds is a round trip as a number, to a microsecond.
func inMilliseconds(d time.Duration) float64 {
	return float64(d.Round(time.Microsecond).Microseconds()) / 1e3
}
