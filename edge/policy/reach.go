package policy

// maxReach bounds the tables that a Reach remembers: one is kept for each device of an edge.
const maxReach = 8

// Reach is where one principal may go under one policy. It finds once what the policy has under the
// principal's names, and then decides as Compiled.Decide does. The zero value reaches nothing.
type Reach struct {
	policy *Compiled
	who    Principal
	tables []*table
	many   bool // tables are more than it remembers
}

// Reach returns where p may go under c.
func (c *Compiled) Reach(p Principal) Reach {
	r := Reach{policy: c, who: p}
	for list := range c.index.tables(&p) {
		if r.many = len(r.tables)+len(list) > maxReach; r.many {
			r.tables = nil
			break
		}
		r.tables = append(r.tables, list...)
	}
	return r
}

// Decide says whether the principal may reach t, as Compiled.Decide does.
func (r *Reach) Decide(t Target) Decision {
	if r.many {
		return r.policy.Decide(&r.who, t)
	}
	return r.policy.decision(firstOf(r.tables, &t, placeOf(&t), noGrant))
}
