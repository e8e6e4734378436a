package policy

import (
	"strconv"

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
		}
	}
	for i, t := range p.Tests {
		if err := checkWho(t.Who); err != nil {
			errs = append(errs, &Error{Line: at.test(i), At: "test " + strconv.Itoa(i+1), Err: err})
		}
	}
	return errs
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
