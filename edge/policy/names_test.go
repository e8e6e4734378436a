package policy

import (
	"strings"
	"testing"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

// What `device token --user` refuses, a policy refuses: one grammar.
func TestNamesOfADocument(t *testing.T) {
	for text, want := range map[string]string{
		`grants: [{id: g, who: [Alice@Example.com, "user:bob", "*"], to: ["*"], how: [icmp]}]`: "",
		`grants: [{id: g, who: [alice smith], to: ["*"], how: [icmp]}]`:                        `line 1: grant g: who: user "alice smith" has a space`,
		`grants: [{id: g, who: ["user:a,b"], to: ["*"], how: [icmp]}]`:                         `line 1: grant g: who: user "a,b" has one of : , *, which policies give a meaning`,
		`grants: [{id: "g\e[31m", who: [a], to: ["*"], how: [icmp]}]`:                          `line 1: grant "g\x1b[31m": id "g\x1b[31m" has characters that cannot be printed`,
		"groups: {eng: [\"a\\nb\"]}\ngrants: []":                                               `line 1: group eng: user "a\nb" has a space`,
		"groups: {\"e\\tg\": [a]}\ngrants: []":                                                 `line 1: group "e\tg": group "e\tg" has characters that cannot be printed`,
		"grants: []\ntests:\n  - {who: \"a\\u202eb\", deny: [\"icmp 10.0.0.1\"]}":              `line 3: test 1: user "a\u202eb" has characters that cannot be printed`,
	} {
		_, err := Parse([]byte(text))
		switch {
		case want == "" && err != nil, want != "" && (err == nil || err.Error() != "read policy: "+want):
			t.Errorf("%s:\n  %v, want %q", text, err, want)
		case err != nil && advice.Of(err) == "":
			t.Errorf("%s: no hint", text)
		}
		if _, _, other := new(Compiler).Parse([]byte(text), nil); (other == nil) != (err == nil) {
			t.Errorf("%s: the compiler says %v", text, other)
		}
	}
}

// Case matters to nobody: neither in grants and groups nor in who asks. What is stored is served,
// also where a newer edge would refuse it.
func TestUsersAreFolded(t *testing.T) {
	c, err := Compile(model.Policy{
		Groups: map[string][]string{"eng": {"Bob@Example.com", "old name"}},
		Grants: []model.Grant{
			{ID: "one", Who: []string{"Alice@Example.com"}, To: []string{"10.0.0.1"}, How: []string{"icmp"}},
			{ID: "two", Who: []string{"group:eng"}, To: []string{"10.0.0.2"}, How: []string{"icmp"}},
		},
	}, nil)
	if err != nil {
		t.Fatal(err)
	}
	for user, to := range map[string]string{
		"alice@example.com": "10.0.0.1", "ALICE@example.com": "10.0.0.1", "bob@example.com": "10.0.0.2", "Bob@example.com": "10.0.0.2", "old name": "10.0.0.2",
	} {
		target, err := ParseTarget(to)
		if err != nil {
			t.Fatal(err)
		}
		p := c.Principal("d", user)
		if !c.Decide(&p, target).Allowed || p.User != strings.ToLower(user) || !c.Names(user) {
			t.Errorf("%s: %+v, %v", user, p, c.Names(user))
		}
	}
	if c.Names("carol") || new(Compiled).Names("alice") {
		t.Error("a user that no grant names is named")
	}
}

func TestTargetsHaveNoZone(t *testing.T) {
	for _, s := range []string{"fe80::1%eth0", "icmp fe80::1%eth0", "[fe80::1%eth0]:22", "tcp [fe80::1%eth0]:22", "[fe80::1%eth0]:53/udp"} {
		if got, err := ParseTarget(s); err == nil {
			t.Errorf("%s: %v", s, got)
		}
	}
}
