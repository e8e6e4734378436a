package policy

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
)

// Considered is one grant that was looked at, and what came of it.
type Considered struct {
	Grant   string `json:"grant"`
	Matched bool   `json:"matched"`
	Why     string `json:"why"` // the terms that did not match; empty where all did
}

// Explanation is a decision with everything that led to it.
type Explanation struct {
	ID        proto.DecisionID `json:"id,omitzero"`    // of a denial in the log
	Time      time.Time        `json:"time,omitzero"`  // first of the packets it stands for
	Count     int              `json:"count,omitzero"` // packets, sessions and flows it stands for
	Principal Principal        `json:"principal"`
	Target    string           `json:"target"`           // "tcp 172.16.10.120:22"
	Tunnel    string           `json:"tunnel,omitempty"` // name of the tunnel the destination routes to
	Allowed   bool             `json:"allowed"`
	Grant     string           `json:"grant,omitempty"` // that allows
	Grants    []Considered     `json:"grants"`          // all of them, in the policy's order
	// Now says that the policy of today allows what this denial denied.
	Now bool `json:"allowed_now,omitempty"`
}

// Explain decides as Decide does and says for each grant why it did or did not match.
func (c *Compiled) Explain(p Principal, t Target) Explanation {
	d := c.Decide(&p, t)
	e := Explanation{Principal: p, Target: t.String(), Tunnel: c.tunnels[t.Tunnel], Allowed: d.Allowed, Grant: d.Grant, Grants: []Considered{}}
	if e.Tunnel == "" {
		e.Tunnel = t.Tunnel
	}
	for i := range c.grants {
		no := c.grants[i].mismatches(&p, t)
		e.Grants = append(e.Grants, Considered{Grant: c.grants[i].id, Matched: len(no) == 0, Why: strings.Join(no, "; ")})
	}
	return e
}

// mismatches names the terms of g that do not match; none: it matches.
func (g *grant) mismatches(p *Principal, t Target) (no []string) {
	if !g.matchWho(p) {
		no = append(no, "who: "+p.name()+" is not among "+strings.Join(g.src.Who, ", "))
	}
	if !g.matchTo(t.Dst, t.Tunnel) {
		why := "to: " + t.Dst.String() + " is not in " + strings.Join(g.src.To, ", ")
		if _, guarded := hop.Metadata(t.Dst); guarded {
			why += " by name: it leads to the metadata service of a cloud"
		}
		no = append(no, why)
	}
	if !g.matchHow(t.Proto, t.Port) {
		asked := t.Proto.String()
		if t.ported() {
			asked += ":" + strconv.Itoa(int(t.Port))
		}
		no = append(no, "how: "+asked+" is not among "+strings.Join(g.src.How, ", "))
	}
	return no
}

// name returns the principal in words: user, groups, device.
func (p *Principal) name() string {
	var parts []string
	if p.User != "" {
		parts = append(parts, p.User)
	}
	for _, g := range p.Groups {
		parts = append(parts, "group:"+g)
	}
	if p.Device != "" {
		parts = append(parts, "device:"+p.Device)
	}
	if len(parts) == 0 {
		return "nobody"
	}
	return strings.Join(slices.Compact(parts), ", ")
}
