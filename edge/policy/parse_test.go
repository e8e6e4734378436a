package policy

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
)

const good = `
groups: {eng: [alice@example.com, bob@example.com]}
grants:
  - {id: eng-lab, who: [group:eng], to: [172.16.10.0/24], how: [icmp, "udp:53", "tcp:*"]}
  - id: door
    who: [user:carol, "device:d1"]
    to: [10.0.0.7, "fd00::/64", tunnel:home]
    how: ["tcp:22,443,8000-8100"]
tests:
  - {who: alice@example.com, accept: [icmp 172.16.10.1, "udp 172.16.10.1:53"], deny: ["udp 172.16.10.1:54"]}
`

func TestParse(t *testing.T) {
	got, err := Parse([]byte(good))
	if err != nil {
		t.Fatal(err)
	}
	want := model.Policy{
		Groups: map[string][]string{"eng": {"alice@example.com", "bob@example.com"}},
		Grants: []model.Grant{
			{ID: "eng-lab", Who: []string{"group:eng"}, To: []string{"172.16.10.0/24"}, How: []string{"icmp", "udp:53", "tcp:*"}},
			{ID: "door", Who: []string{"user:carol", "device:d1"}, To: []string{"10.0.0.7", "fd00::/64", "tunnel:home"}, How: []string{"tcp:22,443,8000-8100"}},
		},
		Tests: []model.PolicyTest{{
			Who: "alice@example.com", Accept: []string{"icmp 172.16.10.1", "udp 172.16.10.1:53"}, Deny: []string{"udp 172.16.10.1:54"},
		}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	text, err := Format(got)
	if err != nil {
		t.Fatal(err)
	}
	again, err := Parse(text)
	if err != nil {
		t.Fatalf("what Format wrote: %v\n%s", err, text)
	}
	if diff := cmp.Diff(got, again); diff != "" {
		t.Errorf("after Format (-want +got):\n%s", diff)
	}
}

func TestParseErrors(t *testing.T) {
	grant := func(s string) string { return "grants:\n  - {id: a, who: [x], to: ['*'], how: [icmp]}\n  - " + s }
	tests := []struct{ name, in, err, hint string }{
		{"empty", "", "read policy: the document is empty", "grants: []"},
		{"two documents", "grants: []\n---\ngrants: []", "read policy: more than one document", "---"},
		{"unknown key", "grants: []\nrules: []", `line 2: unknown key "rules"`, "known here: groups, grants and tests"},
		{"unknown key of a grant", grant("{id: b, whom: [x], to: ['*'], how: [icmp]}"), `line 3: unknown key "whom"`, "known here: id, who, to and how"},
		{"unknown key of a test", "grants: []\ntests: [{who: x, allow: []}]", `line 2: unknown key "allow"`, "known here: who, accept and deny"},
		{"no YAML", "grants: [", "line 1:", "every [, {"},
		{"a tab", "grants:\n\t- {}", "line 2:", "never with tabs"},
		{"a string for a list", grant("{id: b, who: x, to: ['*'], how: [icmp]}"), `line 3: "x" stands where a list is wanted`, "write a list, also of one: [icmp]"},
		{"no id", grant("{who: [x], to: ['*'], how: [icmp]}"), "line 3: grant 2: it has no id", "unique id"},
		{"the same id", grant("{id: a, who: [x], to: ['*'], how: [icmp]}"), "line 3: grant a: another grant has this id", "unique id"},
		{"no who", grant("{id: b, to: ['*'], how: [icmp]}"), "line 3: grant b: who: nothing stands there", `"*" stands for everything`},
		{"unknown group", grant("{id: b, who: [group:x], to: ['*'], how: [icmp]}"), `line 3: grant b: who: there is no group "x"`, "groups:"},
		{"unknown kind", grant("{id: b, who: [grup:x], to: ['*'], how: [icmp]}"), `line 3: grant b: who: unknown kind "grup" in "grup:x"`, "group:NAME"},
		{"empty user", grant(`{id: b, who: ["user:"], to: ['*'], how: [icmp]}`), `line 3: grant b: who: no name in "user:"`, "USER"},
		{"host bits", grant("{id: b, who: [x], to: [10.0.0.1/8], how: [icmp]}"), `line 3: grant b: to: "10.0.0.1/8" has bits set behind its length`, "write 10.0.0.0/8, or 10.0.0.1 for that one address"},
		{"no prefix", grant("{id: b, who: [x], to: [server], how: [icmp]}"), `line 3: grant b: to: "server" is neither a prefix nor an address`, "tunnel:NAME"},
		{"mapped", grant(`{id: b, who: [x], to: ["::ffff:10.0.0.1"], how: [icmp]}`), `line 3: grant b: to: "::ffff:10.0.0.1" is an IPv4 address written as IPv6`, "write 10.0.0.1"},
		{"zone", grant(`{id: b, who: [x], to: ["fe80::1%eth0"], how: [icmp]}`), `line 3: grant b: to: "fe80::1%eth0" has a zone`, ""},
		{"no port", grant("{id: b, who: [x], to: ['*'], how: [tcp]}"), `line 3: grant b: how: "tcp" names no port`, `"tcp:*"`},
		{"unquoted comma", grant("{id: b, who: [x], to: ['*'], how: [tcp:22,443]}"), `line 3: grant b: how: "443" is not a protocol and its ports`, "quote what holds a comma"},
		{"ping", grant("{id: b, who: [x], to: ['*'], how: [ping]}"), `line 3: grant b: how: "ping" is not a protocol`, "write icmp"},
		{"traceroute", grant("{id: b, who: [x], to: ['*'], how: [traceroute]}"), `line 3: grant b: how: "traceroute" is not a protocol`, "write trace: "},
		{"a bare star", "grants: [{id: a, who: [*], to: [*], how: [*]}]", "line 1: a bare * is no word in YAML", `"*", in quotes`},
		{"a bare star for a list", "grants:\n  - id: a # all of *\n    who: *\n", "line 3: a bare * is no word in YAML", `"*", in quotes`},
		{"a bare star behind a hyphen", "grants:\n  - id: 'a * b'\n    who:\n      - *\n", "line 4: a bare * is no word in YAML", `"*", in quotes`},
		{"a bare star before a domain", "grants: [{id: a, who: [*@example.com], to: ['*'], how: [icmp]}]", "line 1: a bare *@example.com is no word", `"*@example.com"`},
		{"a mark of YAML", "grants:\n- {id: a, who: [@eng], to: ['*'], how: [icmp]}", "line 2: a bare @eng is no word in YAML", `write it in quotes: "@eng"`},
		{"a space behind a colon", grant("{id: b, who: [group: eng], to: ['*'], how: [icmp]}"), `line 3: "group: eng" stands where a word is wanted`, "without the space: group:eng"},
		{"a space before a port", grant("{id: b, who: [x], to: ['*'], how: [tcp: 22]}"), `line 3: "tcp: 22" stands where a word is wanted`, "without the space: tcp:22"},
		{"one grant and no hyphen", "grants: {id: a, who: [x], to: ['*'], how: [icmp]}", "line 1: grants is a mapping and not a list", "begin each grant with a hyphen"},
		{"groups as a list", "groups: [alice]\ngrants: []", "line 1: groups is a list and not a mapping", "groups: {eng:"},
		{"a list for all", "- {id: a}", "line 1: the document is a list and not a mapping", "it begins with groups:"},
		{"a word for all", "hello", "line 1: the document is a word and not a mapping", "it begins with groups:"},
		{"a group as a user", "groups: {eng: [a]}\n" + grant("{id: b, who: [eng], to: ['*'], how: [icmp]}"), `line 4: grant b: who: "eng" is a group and stands in the place of a user`, "write group:eng; or user:eng for"},
		{"a group as a user, in capitals", "groups: {eng: [a]}\n" + grant("{id: b, who: [ENG], to: ['*'], how: [icmp]}"), `grant b: who: "ENG" is a group`, "write group:eng; or user:ENG for"},
		{"a group among users", "groups: {all: [a, eng], eng: [b]}\ngrants: []", `line 1: group all: "eng" is a group`, "groups do not nest: list its users here; or user:eng"},
		{"a group in a test", "groups: {eng: [a]}\ngrants: []\ntests: [{who: eng, deny: [icmp 10.0.0.1]}]", `line 3: test 1: "eng" is a group`, "name one of its users"},
		{"a tunnel without its kind", grant("{id: b, who: [x], to: [office], how: [icmp]}"), `"office" is neither a prefix nor an address`, "for a tunnel write tunnel:office"},
		{"a port of a destination", grant(`{id: b, who: [x], to: ["10.0.0.1:22"], how: [icmp]}`), `"10.0.0.1:22" is neither`, "ports stand in how: tcp:22"},
		{"ICMP in capitals", grant("{id: b, who: [x], to: ['*'], how: [ICMP]}"), `"ICMP" is not a protocol`, "write icmp"},
		{"a service", grant("{id: b, who: [x], to: ['*'], how: [ssh]}"), `"ssh" is not a protocol`, "write tcp:22"},
		{"a slash", grant("{id: b, who: [x], to: ['*'], how: [22/tcp]}"), `"22/tcp" is not a protocol`, `write "tcp:22"`},
		{"a port alone", grant("{id: b, who: [x], to: ['*'], how: [22]}"), `"22" is not a protocol`, "write tcp:22 or udp:22"},
		{"port 0", grant("{id: b, who: [x], to: ['*'], how: ['tcp:0']}"), `line 3: grant b: how: "0" in "tcp:0" is neither a port nor a range`, ""},
		{"port too high", grant("{id: b, who: [x], to: ['*'], how: ['tcp:65536']}"), `"65536" in "tcp:65536"`, ""},
		{"range backwards", grant("{id: b, who: [x], to: ['*'], how: ['tcp:9-8']}"), `"9-8" in "tcp:9-8"`, ""},
		{"icmp with a port", grant("{id: b, who: [x], to: ['*'], how: ['icmp:8']}"), `"icmp:8" is not a protocol and its ports`, ""},
		{"group in a group", "groups: {a: [group:b]}\ngrants: []", `line 1: group a: "group:b" is not a user`, "do not nest"},
		{"test of a group", "grants: []\ntests: [{who: group:x, deny: [icmp 10.0.0.1]}]", `line 2: test 1: who: "group:x" is neither a user nor a device`, ""},
		{"test of nothing", "grants: []\ntests: [{who: x}]", "line 2: test 1: it expects nothing", ""},
		{"test target", "grants: []\ntests: [{who: x, deny: ['tcp 10.0.0.1']}]", `line 2: test 1: "tcp 10.0.0.1" is not a target`, "tcp ADDRESS:PORT"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(tt.in))
			if err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("error %v, want %q", err, tt.err)
			}
			if hint := advice.Of(err); !strings.Contains(hint, tt.hint) {
				t.Errorf("hint %q, want %q", hint, tt.hint)
			}
		})
	}
}

// TestUsersNamedLikeGroups: who means a user says so; a group may have a user of its own name.
func TestUsersNamedLikeGroups(t *testing.T) {
	c := compiled(t, "groups: {alice: [alice, 'user:eng'], eng: [bob]}\ngrants: [{id: a, who: ['user:eng', group:alice], to: ['*'], how: [icmp]}]\n"+
		"tests: [{who: 'user:alice', accept: [icmp 10.0.0.1]}]")
	if err := c.Check(nil); err != nil {
		t.Error(err)
	}
	for user, want := range map[string]bool{"alice": true, "eng": true, "bob": false} {
		p := c.Principal("", user)
		if d := c.Decide(&p, target(t, "icmp 10.0.0.1", "")); d.Allowed != want {
			t.Errorf("%s: %+v", user, d)
		}
	}
}

// All mistakes are told at once.
func TestParseTellsAllMistakes(t *testing.T) {
	_, err := Parse([]byte("grants:\n  - {id: a, who: [grup:x], to: [server], how: [tcp]}\n  - {id: a, who: [x], to: ['*'], how: [icmp]}"))
	var es Errors
	if !errors.As(err, &es) || len(es) != 4 {
		t.Errorf("%v, want four mistakes", err)
	}
}

func FuzzParse(f *testing.F) {
	for n := range len(good) + 1 {
		f.Add([]byte(good[:n]))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		p, err := Parse(text)
		if err != nil {
			return
		}
		if _, err := Compile(p, nil); err != nil {
			t.Fatalf("what Parse took Compile refuses: %v", err)
		}
		out, err := Format(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := Parse(out); err != nil {
			t.Fatalf("what Format wrote Parse refuses: %v\n%s", err, out)
		}
	})
}
