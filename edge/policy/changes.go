package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/term"
)

// The kinds of changes.
const (
	Added   = "added"
	Removed = "removed"
	Changed = "changed"
)

// Change is one thing that a policy has otherwise than another.
type Change struct {
	What string `json:"what"`           // grant, group, tests
	Name string `json:"name,omitempty"` // id of a grant, name of a group
	How  string `json:"how"`            // added, removed, changed
	// Detail says what came (+) and went (-): "who +group:ops -bob; how +tcp:22". Of what was added it
	// is all of it, of what was removed nothing.
	Detail string `json:"detail,omitempty"`
}

// String returns the change as a line of a diff: "+ grant a: who x; to *; how icmp", "- group eng",
// "~ grant b: how +tcp:22".
func (c Change) String() string {
	mark := map[string]string{Added: "+ ", Removed: "- ", Changed: "~ "}[c.How]
	text := mark + c.named()
	if c.Detail != "" {
		text += ": " + c.Detail
	}
	return text
}

func (c Change) named() string {
	if c.Name == "" {
		return c.What
	}
	return c.What + " " + quoted(c.Name)
}

// Compare returns what is otherwise in now than in before: grants in the order of now, then those
// that are gone, groups by name, tests as a whole.
func Compare(before, now *model.Policy) []Change {
	changes := compareGrants(before.Grants, now.Grants)
	changes = append(changes, compareGroups(before.Groups, now.Groups)...)
	if !slices.EqualFunc(before.Tests, now.Tests, sameTest) {
		changes = append(changes, compareTests(before.Tests, now.Tests))
	}
	return changes
}

func compareGrants(before, now []model.Grant) (changes []Change) {
	old := make(map[string]model.Grant, len(before))
	for _, g := range before {
		old[g.ID] = g
	}
	for _, g := range now {
		was, had := old[g.ID]
		delete(old, g.ID)
		if !had {
			changes = append(changes, Change{"grant", g.ID, Added, "who " + words(g.Who) + "; to " + words(g.To) + "; how " + words(g.How)})
		} else if !sameGrant(was, g) {
			changes = append(changes, Change{"grant", g.ID, Changed, grantDetail(&was, &g)})
		}
	}
	for _, g := range before {
		if _, gone := old[g.ID]; gone {
			changes = append(changes, Change{"grant", g.ID, Removed, ""})
		}
	}
	return changes
}

func words(list []string) string { return strings.Join(list, ", ") }

// grantDetail says what the grant now has otherwise than was.
func grantDetail(was, now *model.Grant) string {
	var parts []string
	for _, f := range []struct {
		name     string
		was, now []string
	}{{"who", was.Who, now.Who}, {"to", was.To, now.To}, {"how", was.How, now.How}} {
		if d := listDetail(f.was, f.now); d != "" {
			parts = append(parts, f.name+" "+d)
		}
	}
	if len(parts) == 0 {
		return "the order of its words"
	}
	return strings.Join(parts, "; ")
}

// listDetail says what came and went: "+new -old"; "" where that is nothing.
func listDetail(was, now []string) string {
	var parts []string
	for _, w := range now {
		if !slices.Contains(was, w) {
			parts = append(parts, "+"+w)
		}
	}
	for _, w := range was {
		if !slices.Contains(now, w) {
			parts = append(parts, "-"+w)
		}
	}
	return strings.Join(parts, " ")
}

func compareGroups(before, now map[string][]string) (changes []Change) {
	for _, name := range slices.Sorted(maps.Keys(now)) {
		was, had := before[name]
		if !had {
			changes = append(changes, Change{"group", name, Added, words(now[name])})
		} else if !slices.Equal(was, now[name]) {
			detail := listDetail(was, now[name])
			if detail == "" {
				detail = "the order of its users"
			}
			changes = append(changes, Change{"group", name, Changed, detail})
		}
	}
	for _, name := range slices.Sorted(maps.Keys(before)) {
		if _, has := now[name]; !has {
			changes = append(changes, Change{"group", name, Removed, ""})
		}
	}
	return changes
}

func compareTests(before, now []model.PolicyTest) Change {
	c := Change{What: "tests", How: Changed, Detail: fmt.Sprintf("%d, before %d", len(now), len(before))}
	if len(before) == 0 {
		c.How, c.Detail = Added, fmt.Sprint(len(now))
	} else if len(now) == 0 {
		c.How, c.Detail = Removed, ""
	}
	return c
}

// maxDetail bounds what one change takes of a line of the log, in bytes.
const maxDetail = 200

// Summary says in one line what changed, a few of each kind, for the log: "grant added: a (who x; to
// *; how icmp); grant removed: b; group changed: eng (+carol)".
func Summary(changes []Change) string {
	if len(changes) == 0 {
		return "no change"
	}
	var kinds []string
	named := make(map[string][]string)
	for _, c := range changes {
		kind, text := c.What+" "+c.How, quoted(c.Name)
		if c.Name == "" {
			text = c.Detail
		} else if c.Detail != "" {
			text += " (" + short(c.Detail) + ")"
		}
		if named[kind] == nil {
			kinds = append(kinds, kind)
		}
		named[kind] = append(named[kind], text)
	}
	for i, kind := range kinds {
		kinds[i] = strings.TrimSuffix(kind+": "+term.Few(named[kind]), ": ")
	}
	return strings.Join(kinds, "; ")
}

func short(s string) string {
	if len(s) <= maxDetail {
		return s
	}
	return strings.ToValidUTF8(s[:maxDetail], "") + "…"
}
