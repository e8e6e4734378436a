package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/model"
)

func TestCompare(t *testing.T) {
	grant := func(id, who, to, how string) model.Grant {
		return model.Grant{ID: id, Who: strings.Fields(who), To: strings.Fields(to), How: strings.Fields(how)}
	}
	before := model.Policy{
		Groups: map[string][]string{"eng": {"a", "b"}, "old": {"x"}, "turned": {"a", "b"}},
		Grants: []model.Grant{grant("same", "a", "*", "*"), grant("less", "a b", "*", "icmp tcp:22"), grant("gone", "a", "*", "*"), grant("turned", "a b", "*", "*")},
		Tests:  []model.PolicyTest{{Who: "a"}},
	}
	now := model.Policy{
		Groups: map[string][]string{"eng": {"a", "c"}, "new": {"y", "z"}, "turned": {"b", "a"}},
		Grants: []model.Grant{grant("turned", "b a", "*", "*"), grant("new", "a group:new", "10.0.0.0/8 tunnel:t", "trace"), grant("less", "a c", "10.0.0.1", "icmp"), grant("same", "a", "*", "*")},
	}
	var lines []string
	changes := Compare(&before, &now)
	for _, c := range changes {
		lines = append(lines, c.String())
	}
	want := []string{
		"~ grant turned: the order of its words",
		"+ grant new: who a, group:new; to 10.0.0.0/8, tunnel:t; how trace",
		"~ grant less: who +c -b; to +10.0.0.1 -*; how -tcp:22",
		"- grant gone",
		"~ group eng: +c -b",
		"+ group new: y, z",
		"~ group turned: the order of its users",
		"- group old",
		"- tests",
	}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	const summary = "grant changed: turned (the order of its words), less (who +c -b; to +10.0.0.1 -*; how -tcp:22); " +
		"grant added: new (who a, group:new; to 10.0.0.0/8, tunnel:t; how trace); grant removed: gone; " +
		"group changed: eng (+c -b), turned (the order of its users); group added: new (y, z); group removed: old; tests removed"
	if got := Summary(changes); got != summary {
		t.Errorf("summary\n%s\nwant\n%s", got, summary)
	}
	if got := Summary(Compare(&now, &now)); got != "no change" {
		t.Errorf("of itself: %s", got)
	}
}

// TestSummaryIsBounded, however many grants change, and however long they are.
func TestSummaryIsBounded(t *testing.T) {
	var p model.Policy
	for i := range 2000 {
		p.Grants = append(p.Grants, model.Grant{ID: fmt.Sprint(i), Who: []string{strings.Repeat("é", 5000)}, To: []string{"*"}, How: []string{"*"}})
	}
	got := Summary(Compare(&model.Policy{}, &p))
	if len(got) > 2000 || !strings.HasSuffix(got, " and 1995 more") {
		t.Errorf("%d bytes: …%s", len(got), got[max(0, len(got)-100):])
	}
}

// TestSource: the text of a policy is what was written, until the policy says something else.
func TestSource(t *testing.T) {
	text := "# why\n" + good
	var c Compiler
	p, _, err := c.Parse([]byte(text), nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := Source(p); err != nil || string(got) != text {
		t.Errorf("%v:\n%s", err, got)
	}
	for name, change := range map[string]func(*model.Policy){
		"no text":        func(p *model.Policy) { p.Text = nil },
		"a damaged text": func(p *model.Policy) { p.Text = p.Text[:len(p.Text)/2] },
		"what an earlier edge changed": func(p *model.Policy) {
			p.Grants = p.Grants[:1]
		},
	} {
		q := p
		change(&q)
		want, err := Format(q)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Source(q); err != nil || string(got) != string(want) {
			t.Errorf("%s: %v:\n%s", name, err, got)
		}
	}
}
