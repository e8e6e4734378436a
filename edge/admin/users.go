package admin

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/term"
)

// enrolled returns the users, folded, who have a device, or a token to get one with.
func enrolled(sn *model.Snapshot) map[string]bool {
	users := make(map[string]bool)
	for _, d := range sn.Devices {
		if !d.Revoked {
			users[model.FoldUser(d.User)] = true
		}
	}
	for _, t := range sn.Tokens {
		if t.User != "" && !t.Revoked && t.Used == nil {
			users[model.FoldUser(t.User)] = true
		}
	}
	return users
}

// checkUser refuses a user whom nothing here names: no device, revoked or not, no token, no policy.
// Asked about one who does not exist an edge would say "denied", as if he did.
func checkUser(sn *model.Snapshot, user string) error {
	known := enrolled(sn)
	for _, d := range sn.Devices {
		known[model.FoldUser(d.User)] = true
	}
	for _, u := range policy.Named(&sn.Policy) {
		known[u] = true
	}
	if known[model.FoldUser(user)] {
		return nil
	}
	return &advice.Error{
		Text:   "no user " + strconv.Quote(user) + ": no device, token or policy names one",
		Advice: whoInstead(sn, model.FoldUser(user), known),
	}
}

// whoInstead says who may have been meant by a name that is no user's.
func whoInstead(sn *model.Snapshot, name string, known map[string]bool) string {
	for _, id := range slices.Sorted(maps.Keys(sn.Devices)) {
		if d := sn.Devices[id]; d.Name == name {
			return name + " is a device of " + d.User + ": name it by its id, " + id
		}
	}
	if _, ok := sn.Policy.Groups[name]; ok {
		return name + " is a group: name one of its users"
	}
	if near := nearUser(name, known); near != "" {
		return "did you mean " + near + "?"
	}
	return "oneping device list shows who has a device"
}

// nearUser returns who of those known a name was probably meant to be, "" for nobody: of two mail
// addresses one half is the same and the other like it. All of a company end alike.
func nearUser(name string, known map[string]bool) string {
	local, domain, _ := strings.Cut(name, "@")
	locals, domains := []string{}, []string{}
	for user := range known {
		l, d, _ := strings.Cut(user, "@")
		if d == domain {
			locals = append(locals, l)
		}
		if l == local {
			domains = append(domains, d)
		}
	}
	if near := advice.Nearest(local, locals); near != "" {
		return strings.TrimSuffix(near+"@"+domain, "@")
	}
	if near := advice.Nearest(domain, domains); near != "" {
		return local + "@" + near
	}
	return ""
}

// maxStrangers is for how many users it is looked whom else they may be.
const maxStrangers = 5

// strangers says which users of a policy have no device and no token yet, and which of its devices do
// not exist: one letter that is wrong locks somebody out.
func strangers(sn *model.Snapshot, p *model.Policy) (hints []string) {
	known := enrolled(sn)
	var missing []string
	for _, u := range policy.Users(p) {
		if known[u] {
			continue
		}
		word := u
		if len(missing) >= maxStrangers { // which are counted
		} else if _, ok := sn.Devices[u]; ok {
			word += " (a device? write device:" + u + ")"
		} else if near := nearUser(u, known); near != "" {
			word += " (did you mean " + near + "?)"
		}
		missing = append(missing, word)
	}
	if len(missing) > 0 {
		hints = append(hints, "nobody has a device yet as "+term.Few(missing)+": oneping device token --user USER")
	}
	var gone []string
	for _, id := range policy.Devices(p) {
		if _, ok := sn.Devices[id]; !ok {
			gone = append(gone, id)
		}
	}
	if len(gone) > 0 {
		hints = append(hints, "there is no device "+term.Few(gone)+": oneping device list shows the ids")
	}
	return hints
}
