package policy

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/oneping/oneping/edge/model"
)

// checkTests looks at the syntax of tests, without running them.
func checkTests(tests []model.PolicyTest, at *lines) (errs Errors) {
	for i, t := range tests {
		where := "test " + strconv.Itoa(i+1)
		fail := func(err error) {
			errs = append(errs, &Error{Line: at.test(i), At: where, Err: err})
		}
		if kind, _, m := parseWho(t.Who); m != nil || kind != whoUser && kind != whoDevice {
			fail(bad("who: "+strconv.Quote(t.Who)+" is neither a user nor a device", "write USER or device:ID"))
		}
		if len(t.Accept)+len(t.Deny) == 0 {
			fail(bad("it expects nothing", "write accept: or deny: with at least one target"))
		}
		for _, list := range [][]string{t.Accept, t.Deny} {
			for _, s := range list {
				if _, err := ParseTarget(s); err != nil {
					fail(err)
				}
			}
		}
	}
	return errs
}

// missingTunnel is a tunnel that a grant names and that does not exist.
type missingTunnel struct{ grant, tunnel string }

// Missing returns the tunnels that grants name and that do not exist, each once.
func (c *Compiled) Missing() []string {
	var names []string
	for _, m := range c.missing {
		if !slices.Contains(names, m.tunnel) {
			names = append(names, m.tunnel)
		}
	}
	return names
}

// Check says whether this policy may take effect: every tunnel that it names exists, or is among
// left, and all of its own tests pass. route returns the id of the tunnel that an address routes to,
// or "". The error names each test that failed.
func (c *Compiled) Check(route func(netip.Addr) string, left ...string) error {
	var errs Errors
	for _, m := range c.missing {
		if !slices.Contains(left, m.tunnel) {
			errs = append(errs, &Error{
				At:  "grant " + m.grant + ": to",
				Err: bad("there is no tunnel "+strconv.Quote(m.tunnel), "oneping tunnel list shows the names"),
			})
		}
	}
	for i, t := range c.tests {
		p := c.testPrincipal(t.Who)
		where := "test " + strconv.Itoa(i+1) + ": " + t.Who
		for _, s := range t.Accept {
			if !c.decideTest(&p, s, route).Allowed {
				errs = append(errs, &Error{At: where, Err: errors.New(s + " is denied and the test expects it accepted" + c.whyTest(&p, s, route))})
			}
		}
		for _, s := range t.Deny {
			if d := c.decideTest(&p, s, route); d.Allowed {
				errs = append(errs, &Error{At: where, Err: errors.New(s + " is accepted by grant " + d.Grant + " and the test expects it denied")})
			}
		}
	}
	return errs.err()
}

// CheckAlone runs the tests without an edge. What depends on a tunnel it cannot know, as routes are
// the edge's: it returns those as undecided.
func CheckAlone(p model.Policy) (undecided []string, err error) {
	named := make(map[string]model.Tunnel)
	for _, g := range p.Grants {
		for _, to := range g.To {
			if name, ok := strings.CutPrefix(to, "tunnel:"); ok {
				named[name] = model.Tunnel{ID: name, Name: name}
			}
		}
	}
	c, err := Compile(p, named)
	if err != nil {
		return nil, err
	}
	decided := *c
	decided.tests = nil
	for _, t := range c.tests {
		who, one := c.testPrincipal(t.Who), model.PolicyTest{Who: t.Who}
		part := func(list []string, to *[]string) {
			for _, s := range list {
				if c.hangsOnTunnel(&who, s) {
					undecided = append(undecided, t.Who+": "+s)
				} else {
					*to = append(*to, s)
				}
			}
		}
		part(t.Accept, &one.Accept)
		part(t.Deny, &one.Deny)
		decided.tests = append(decided.tests, one)
	}
	return undecided, decided.Check(nil)
}

// hangsOnTunnel says whether the answer to a target depends on where it is routed to.
func (c *Compiled) hangsOnTunnel(who *Principal, s string) bool {
	t, err := ParseTarget(s)
	if err != nil || c.Decide(who, t).Allowed {
		return false
	}
	for name := range c.tunnels {
		if t.Tunnel = name; c.Decide(who, t).Allowed {
			return true
		}
	}
	return false
}

func (c *Compiled) testPrincipal(who string) Principal {
	if kind, name, m := parseWho(who); m == nil && kind == whoDevice {
		return Principal{Device: name}
	} else if m == nil {
		return c.Principal("", name)
	}
	return Principal{}
}

// whyTest says of the grant that came nearest why it does not allow s, or returns "". The nearest
// is the first of those with the fewest terms that do not match.
func (c *Compiled) whyTest(p *Principal, s string, route func(netip.Addr) string) string {
	t, err := testTarget(s, route)
	if err != nil || len(c.grants) == 0 {
		return ""
	}
	nearest, fewest := "", c.grants[0].mismatches(p, t)
	for i := range c.grants {
		if no := c.grants[i].mismatches(p, t); nearest == "" || len(no) < len(fewest) {
			nearest, fewest = c.grants[i].id, no
		}
	}
	return "; grant " + nearest + " does not allow it: " + strings.Join(fewest, "; ")
}

func testTarget(s string, route func(netip.Addr) string) (Target, error) {
	t, err := ParseTarget(s)
	if err == nil && route != nil {
		t.Tunnel = route(t.Dst)
	}
	return t, err
}

func (c *Compiled) decideTest(p *Principal, s string, route func(netip.Addr) string) Decision {
	t, err := testTarget(s, route)
	if err != nil { // Compile refused it before
		return Decision{}
	}
	return c.Decide(p, t)
}
