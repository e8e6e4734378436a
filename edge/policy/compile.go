package policy

import (
	"errors"
	"net/netip"
	"slices"
	"strconv"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/hop"
)

// grant is a compiled model.Grant.
type grant struct {
	id      string
	anyone  bool
	users   map[string]struct{} // named one by one, folded (model.FoldUser)
	groups  map[string]struct{} // named; whose users are in Compiled.groups
	devices map[string]struct{}
	to      []destination
	tunnels []string // ids of the tunnels named
	how     []ports
	src     model.Grant
}

// Compiled is a policy that answers questions. It never changes; safe for
// concurrent use. The zero value denies everything.
type Compiled struct {
	grants  []grant
	index   index
	groups  map[string][]string // user → groups, sorted
	tests   []model.PolicyTest
	tunnels map[string]string // id → name
	missing []missingTunnel   // tunnels that the grants name and that do not exist
}

// Compile checks every term of p and makes it fast to ask. tunnels are the
// existing ones by id. A grant may name a tunnel that does not exist (it may have
// been deleted since): it then grants nothing there, and Check says so.
func Compile(p model.Policy, tunnels map[string]model.Tunnel) (*Compiled, error) {
	c, errs := compile(p, tunnels, nil)
	return c, errs.err()
}

// compile is Compile with the lines at which things stand.
func compile(p model.Policy, tunnels map[string]model.Tunnel, at *lines) (*Compiled, Errors) {
	c := &Compiled{groups: make(map[string][]string), tests: p.Tests, tunnels: make(map[string]string)}
	byName := make(map[string]string)
	for id, t := range tunnels {
		c.tunnels[id] = t.Name
		byName[t.Name] = id
	}
	errs := c.addGroups(p.Groups, at)
	seen := make(map[string]bool)
	for i, g := range p.Grants {
		line := at.grant(i)
		if g.ID == "" {
			errs = append(errs, &Error{Line: line, At: "grant " + strconv.Itoa(i+1), Err: bad("it has no id", "give each grant a unique id; decisions are named after it")})
		} else if seen[g.ID] {
			errs = append(errs, &Error{Line: line, At: "grant " + g.ID, Err: bad("another grant has this id", "give each grant a unique id; decisions are named after it")})
		}
		seen[g.ID] = true
		cg, more := compileGrant(g, p.Groups, byName)
		for _, e := range more {
			e.Line = line
		}
		errs = append(errs, more...)
		for _, d := range cg.to {
			if d.tunnel != "" && byName[d.tunnel] == "" {
				c.missing = append(c.missing, missingTunnel{g.ID, d.tunnel})
			}
		}
		c.grants = append(c.grants, cg)
	}
	c.index = newIndex(c.grants)
	return c, append(errs, checkTests(p.Tests, at)...)
}

func (c *Compiled) addGroups(groups map[string][]string, at *lines) (errs Errors) {
	for name, users := range groups {
		if name == "" {
			errs = append(errs, &Error{Line: at.group(name), At: "groups", Err: errors.New("a group has no name")})
		}
		for _, u := range users {
			if kind, user, m := parseWho(u); m != nil || kind != whoUser {
				errs = append(errs, &Error{Line: at.group(name), At: "group " + name, Err: bad(strconv.Quote(u)+" is not a user", "a group lists users; groups do not nest")})
			} else if user = model.FoldUser(user); !slices.Contains(c.groups[user], name) {
				c.groups[user] = append(c.groups[user], name)
			}
		}
	}
	for _, names := range c.groups {
		slices.Sort(names)
	}
	slices.SortFunc(errs, func(a, b *Error) int { return a.Line - b.Line })
	return errs
}

// compileGrant reads the terms of a grant, field by field.
func compileGrant(g model.Grant, groups map[string][]string, tunnels map[string]string) (grant, Errors) {
	out := grant{id: g.ID, src: g, users: make(map[string]struct{}), groups: make(map[string]struct{}), devices: make(map[string]struct{})}
	errs := addTerms(g.ID, "who", g.Who, func(s string) *advice.Error { return out.addWho(s, groups) })
	errs = append(errs, addTerms(g.ID, "to", g.To, func(s string) *advice.Error { return out.addTo(s, tunnels) })...)
	return out, append(errs, addTerms(g.ID, "how", g.How, out.addHow)...)
}

// addTerms adds the terms of one field of a grant, and says which of them make no sense.
func addTerms(id, field string, terms []string, add func(string) *advice.Error) (errs Errors) {
	at := "grant " + id + ": " + field
	if len(terms) == 0 {
		return Errors{{At: at, Err: bad("nothing stands there", `a grant needs who, to and how; "*" stands for everything`)}}
	}
	for _, s := range terms {
		if m := add(s); m != nil {
			errs = append(errs, &Error{At: at, Err: m})
		}
	}
	return errs
}

func (g *grant) addWho(s string, groups map[string][]string) *advice.Error {
	kind, name, m := parseWho(s)
	if m != nil {
		return m
	}
	switch kind {
	case whoAny:
		g.anyone = true
	case whoUser:
		g.users[model.FoldUser(name)] = struct{}{}
	case whoGroup:
		if _, ok := groups[name]; !ok {
			return bad("there is no group "+strconv.Quote(name), "define it under groups: in the same file")
		}
		g.groups[name] = struct{}{}
	case whoDevice:
		g.devices[name] = struct{}{}
	}
	return nil
}

func (g *grant) addTo(s string, tunnels map[string]string) *advice.Error {
	d, m := parseTo(s)
	if m != nil {
		return m
	}
	g.to = append(g.to, d)
	if id := tunnels[d.tunnel]; d.tunnel != "" && id != "" {
		g.tunnels = append(g.tunnels, id)
	}
	return nil
}

func (g *grant) addHow(s string) (m *advice.Error) {
	g.how, m = parseHow(g.how, s)
	return m
}

// Principal returns who a user on a device is under this policy.
func (c *Compiled) Principal(device, user string) Principal {
	user = model.FoldUser(user)
	return Principal{Device: device, User: user, Groups: c.groups[user]}
}

// Decide says whether p may reach t, and which grant says so, of several the first. It does not
// allocate, and what it costs does not grow with the number of grants (index).
func (c *Compiled) Decide(p *Principal, t Target) Decision {
	return c.decision(c.index.lookup(p, &t))
}

// decision returns what it means that the first grant of all is at a position.
func (c *Compiled) decision(first int) Decision {
	if first == noGrant {
		return Decision{}
	}
	return Decision{Allowed: true, Grant: c.grants[first].id}
}

func (g *grant) matchWho(p *Principal) bool {
	if g.anyone {
		return true
	}
	if _, ok := g.users[p.User]; ok && p.User != "" {
		return true
	}
	if _, ok := g.devices[p.Device]; ok && p.Device != "" {
		return true
	}
	for _, name := range p.Groups {
		if _, ok := g.groups[name]; ok {
			return true
		}
	}
	return false
}

func (g *grant) matchTo(dst netip.Addr, tunnel string) bool {
	named, guarded := hop.Metadata(dst)
	for i := range g.to {
		p := g.to[i].prefix
		if g.to[i].any && !guarded || p.IsValid() && p.Contains(dst) && (!guarded || p.Bits() >= named) {
			return true
		}
	}
	return !guarded && tunnel != "" && slices.Contains(g.tunnels, tunnel)
}

// matchHow: of a protocol that no grant can name each allows to ask, as what it is refused for is not
// the policy.
func (g *grant) matchHow(proto Proto, port uint16) bool {
	if _, named := slot(proto); !named {
		return true
	}
	for _, h := range g.how {
		if h.any || h.proto == proto && h.from <= port && port <= h.to {
			return true
		}
	}
	return false
}
