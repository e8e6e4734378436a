package policy

import (
	"cmp"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/oneping/oneping/edge/model"
)

// checkNames refuses names that nobody can have, by the rules of `device token --user`: a grant to
// them would be dead, and a control character would reach the terminals of those who list it. Only
// a document that somebody applies is looked at: what is stored was good when it was stored.
func checkNames(p model.Policy, at *lines) (errs Errors) {
	for name, users := range p.Groups {
		add := func(err error) {
			if err != nil {
				errs = append(errs, &Error{Line: at.group(name), At: "group " + quoted(name), Err: err})
			}
		}
		add(model.CheckName("group", name))
		for _, u := range users {
			add(checkWho(u))
			if group := groupOf(u, p.Groups); group != name { // which may have a user of its name
				add(groupAsUser(u, group, "groups do not nest: list its users here"))
			}
		}
	}
	for i, g := range p.Grants {
		add := func(field string, err error) {
			if err != nil {
				errs = append(errs, &Error{Line: at.grant(i), At: "grant " + quoted(g.ID) + field, Err: err})
			}
		}
		if g.ID != "" { // compile says that it is missing
			add("", model.CheckName("id", g.ID))
		}
		for _, who := range g.Who {
			add(": who", checkWho(who))
			add(": who", groupAsUser(who, groupOf(who, p.Groups), "write group:"+groupOf(who, p.Groups)))
		}
	}
	for i, t := range p.Tests {
		if err := cmp.Or(checkWho(t.Who), groupAsUser(t.Who, groupOf(t.Who, p.Groups), "name one of its users")); err != nil {
			errs = append(errs, &Error{Line: at.test(i), At: "test " + strconv.Itoa(i+1), Err: err})
		}
	}
	return errs
}

// groupAsUser refuses a bare name that is a group's: who writes it means the group, and would lock it
// out. user:NAME is a user, whatever groups there are.
func groupAsUser(term, group, hint string) error {
	if group == "" {
		return nil
	}
	return bad(strconv.Quote(term)+" is a group and stands in the place of a user", hint+"; or user:"+term+" for a user of that name")
}

// groupOf returns the group that a term without a kind names, "" for none. Case is no matter: it is
// none of users.
func groupOf(term string, groups map[string][]string) string {
	if _, ok := groups[term]; ok {
		return term
	}
	for _, name := range slices.Sorted(maps.Keys(groups)) {
		if model.FoldUser(name) == model.FoldUser(term) {
			return name
		}
	}
	return ""
}

// checkWho checks the name in a term; what is no term compile refuses.
func checkWho(term string) error {
	kind, name, malformed := parseWho(term)
	switch {
	case malformed != nil || kind == whoAny:
		return nil
	case kind == whoUser:
		return model.CheckUser(name)
	case kind == whoGroup:
		return model.CheckName("group", name)
	}
	return model.CheckName("device", name)
}

// quoted returns a name as it is where it can be shown, else in quotes.
func quoted(name string) string {
	if model.CheckName("", name) == nil {
		return name
	}
	return strconv.Quote(name)
}

// Users returns the users, folded, whom grants name, one by one or by a group; sorted, each once.
func Users(p *model.Policy) []string {
	var users []string
	for _, g := range p.Grants {
		for _, who := range g.Who {
			kind, name, _ := parseWho(who)
			switch kind {
			case whoUser:
				users = append(users, model.FoldUser(name))
			case whoGroup:
				for _, u := range p.Groups[name] {
					users = append(users, model.FoldUser(strings.TrimPrefix(u, "user:")))
				}
			}
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// Named returns the users, folded, whom anything in p names: grants, groups and tests.
func Named(p *model.Policy) []string {
	users := Users(p)
	for _, members := range p.Groups {
		for _, u := range members {
			users = append(users, model.FoldUser(strings.TrimPrefix(u, "user:")))
		}
	}
	for _, t := range p.Tests {
		if kind, name, m := parseWho(t.Who); m == nil && kind == whoUser {
			users = append(users, model.FoldUser(name))
		}
	}
	slices.Sort(users)
	return slices.Compact(users)
}

// Devices returns the ids of the devices that grants name, sorted, each once.
func Devices(p *model.Policy) []string {
	var ids []string
	for _, g := range p.Grants {
		for _, who := range g.Who {
			if kind, id, _ := parseWho(who); kind == whoDevice {
				ids = append(ids, id)
			}
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Names says whether a grant names the user, a group of it, or everybody.
func (c *Compiled) Names(user string) bool {
	p := c.Principal("", user)
	for i := range c.grants {
		if c.grants[i].matchWho(&p) {
			return true
		}
	}
	return false
}
