package model

import (
	"slices"
	"strings"
)

// Policy is the policy document, as `policy apply -f` reads and `policy show` prints it.
type Policy struct {
	Groups map[string][]string `json:"groups,omitempty" yaml:"groups,omitempty"` // group → users
	Grants []Grant             `json:"grants" yaml:"grants"`
	Tests  []PolicyTest        `json:"tests,omitempty" yaml:"tests,omitempty"`
	// Text is the document as it was written, comments and all (gzip, RFC 1952); see Written.
	// Nil where it had no room, or an earlier version stored the policy.
	Text []byte `json:"text,omitempty" yaml:"-"`
}

// GrantsTo returns the ids of the grants that name a tunnel.
func (p *Policy) GrantsTo(tunnel string) []string {
	var ids []string
	for _, g := range p.Grants {
		if slices.Contains(g.To, "tunnel:"+tunnel) {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

// WithTunnel returns the policy in which each grant that names tunnel old names the tunnel called
// name, too, or in the place of it. Its text follows in the end.
func (p Policy) WithTunnel(old, name string, too bool) Policy {
	p.Grants = slices.Clone(p.Grants)
	for i := range p.Grants {
		var to []string
		for _, term := range p.Grants[i].To {
			is := term == "tunnel:"+old
			if !is || too {
				to = append(to, term)
			}
			if is && !slices.Contains(p.Grants[i].To, "tunnel:"+name) {
				to = append(to, "tunnel:"+name)
			}
		}
		p.Grants[i].To = to
	}
	if !too {
		p.renameWritten(old, name)
	}
	return p
}

// NamesUser says whether a grant or a group names the user, and not everybody.
func (p *Policy) NamesUser(user string) bool {
	is := func(term string) bool { return FoldUser(strings.TrimPrefix(term, "user:")) == FoldUser(user) }
	for _, users := range p.Groups {
		if slices.ContainsFunc(users, is) {
			return true
		}
	}
	return slices.ContainsFunc(p.Grants, func(g Grant) bool { return slices.ContainsFunc(g.Who, is) })
}

// Grant says who may reach what and how. Any match allows; there are no deny rules.
type Grant struct {
	ID  string   `json:"id" yaml:"id"`
	Who []string `json:"who" yaml:"who"` // USER, user:USER, group:NAME, device:ID, *
	To  []string `json:"to" yaml:"to"`   // PREFIX, ADDRESS, tunnel:NAME, *
	How []string `json:"how" yaml:"how"` // trace, icmp, udp:53, tcp:22,443, tcp:8000-8100, tcp:*, *
}

// PolicyTest is one line of a policy's own tests: an update that fails one is refused.
type PolicyTest struct {
	Who    string   `json:"who" yaml:"who"`                           // user
	Accept []string `json:"accept,omitempty" yaml:"accept,omitempty"` // icmp ADDRESS, tcp ADDRESS:PORT, udp ADDRESS:PORT
	Deny   []string `json:"deny,omitempty" yaml:"deny,omitempty"`
}
