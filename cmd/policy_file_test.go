package cmd

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/local"
)

const commented = `# Who may do what. Ask carol before you change it.
groups:
  eng: [alice@example.com] # the whole team
grants:
  - {id: eng-office, who: [group:eng], to: [172.16.10.0/24], how: [trace]}
`

// policyEdge is an edge with a policy, for the commands about it.
type policyEdge struct {
	t    *testing.T
	dir  string
	file string
}

func newPolicyEdge(t *testing.T, text string) *policyEdge {
	t.Helper()
	e := &policyEdge{t: t, dir: startEdge(t), file: filepath.Join(t.TempDir(), "policy.yaml")}
	e.write(text)
	if _, stderr := e.run("apply", "-f", e.file); strings.Contains(stderr, "error") {
		t.Fatal(stderr)
	}
	return e
}

func (e *policyEdge) write(text string) {
	e.t.Helper()
	if err := os.WriteFile(e.file, []byte(text), 0o600); err != nil {
		e.t.Fatal(err)
	}
}

func (e *policyEdge) run(args ...string) (stdout, stderr string) {
	e.t.Helper()
	return oneping(e.t, append(append([]string{"policy"}, args...), "--state-dir", e.dir)...)
}

func (e *policyEdge) want(stdout, stderr string, args ...string) {
	e.t.Helper()
	out, errs := e.run(args...)
	if diff := cmp.Diff(stdout+"--\n"+stderr, out+"--\n"+errs); diff != "" {
		e.t.Errorf("oneping policy %s:\n%s", strings.Join(args, " "), diff)
	}
}

const noDevice = "hint: nobody has a device yet as alice@example.com: oneping device token --user USER\n"

// TestPolicyIsShownAsItWasWritten, comments and all, and what changed is said by id.
func TestPolicyIsShownAsItWasWritten(t *testing.T) {
	e := newPolicyEdge(t, commented)
	e.want(commented, "", "show")
	e.write(commented + "# one more line\n")
	e.want("no change: comments and layout are no matter of what is allowed\n", noDevice, "diff", e.file)
	e.want("policy applied: 1 grant, 1 group, 0 tests passed\n", noDevice, "apply", "-f", e.file)
	e.want(commented+"# one more line\n", "", "show")
	e.write(`groups: {eng: [alice@example.com, bob@example.com], ops: [dora@example.com]}
grants:
  - {id: eng-office, who: [group:eng], to: [172.16.10.0/24], how: [trace, "tcp:22"]}
  - {id: door, who: [group:ops], to: [172.16.10.7], how: ["tcp:443"]}
tests:
  - {who: bob@example.com, accept: [icmp 172.16.10.1]}
`)
	nobody := "hint: nobody has a device yet as alice@example.com, bob@example.com, dora@example.com: oneping device token --user USER\n"
	e.want(`~ grant eng-office: how +tcp:22
+ grant door: who group:ops; to 172.16.10.7; how tcp:443
~ group eng: +bob@example.com
+ group ops: dora@example.com
+ tests: 1
`, nobody, "diff", "-f", e.file)
	if out, _ := e.run("show"); out != commented+"# one more line\n" {
		t.Errorf("diff has changed the policy:\n%s", out)
	}
	if _, stderr := e.run("apply", "-f", e.file); stderr != nobody {
		t.Error(stderr)
	}
	e.write("grants:\n  - {id: door, who: [dora@example.com], to: [172.16.10.7], how: [\"tcp:443\"]}\n")
	if out, _ := e.run("apply", "-f", e.file); out != `policy applied: 1 grant, 0 groups, 0 tests passed
  ~ grant door: who +dora@example.com -group:ops
  - grant eng-office
  - group eng
  - group ops
  - tests
` {
		t.Error(out)
	}
	events, err := admin.NewClient(filepath.Join(e.dir, local.SocketName)).AuditLog(t.Context(), 3)
	if err != nil || len(events) != 3 {
		t.Fatalf("%v, %v", events, err)
	}
	for i, want := range []string{
		"no change",
		"grant changed: eng-office (how +tcp:22); grant added: door (who group:ops; to 172.16.10.7; how tcp:443); " +
			"group changed: eng (+bob@example.com); group added: ops (dora@example.com); tests added: 1",
		"grant changed: door (who +dora@example.com -group:ops); grant removed: eng-office; group removed: eng, ops; tests removed",
	} {
		if events[i].Action != "policy apply" || events[i].Detail != want {
			t.Errorf("audit event %d: %+v, want %s", i, events[i], want)
		}
	}
}

// TestPolicyCheck needs no edge, and leaves to one what only that knows.
func TestPolicyCheck(t *testing.T) {
	file := filepath.Join(t.TempDir(), "policy.yaml")
	for _, c := range []struct{ name, text, stdout, stderr string }{
		{"good", commented, file + ": good: 1 grant, 1 group, 0 tests passed\n", ""},
		{"a fault", "grants: [{id: a, who: [*], to: ['*'], how: [icmp]}]", "", "error: read policy: line 1: a bare * is no word in YAML\n" +
			"hint: everything and everybody is \"*\", in quotes: YAML takes a bare * for an alias\n"},
		{
			"a test that fails", commented + "tests: [{who: alice@example.com, accept: ['tcp 172.16.10.1:22']}]", "",
			"error: read policy: test 1: alice@example.com: tcp 172.16.10.1:22 is denied and the test expects it accepted; grant eng-office does not allow it: how: tcp:22 is not among trace\n",
		},
		{
			"what hangs on routes", "grants:\n  - {id: a, who: [alice], to: [tunnel:office], how: [icmp]}\n  - {id: b, who: [alice], to: [10.0.0.1], how: ['tcp:22']}\n" +
				"tests: [{who: alice, accept: [icmp 172.16.10.1, 'tcp 10.0.0.1:22'], deny: ['tcp 172.16.10.1:22', icmp 10.0.0.1]}]",
			file + ": good: 2 grants, 0 groups, 1 test passed\n",
			"hint: not decided without the edge's routes: alice: icmp 172.16.10.1, alice: icmp 10.0.0.1; on the edge: oneping policy diff " + file + "\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if err := os.WriteFile(file, []byte(c.text), 0o600); err != nil {
				t.Fatal(err)
			}
			for _, args := range [][]string{{"policy", "check", file}, {"policy", "check", "-f", file}} {
				out, errs := oneping(t, args...)
				if diff := cmp.Diff(c.stdout+"--\n"+c.stderr, out+"--\n"+errs); diff != "" {
					t.Errorf("%v:\n%s", args, diff)
				}
			}
		})
	}
}

// TestPolicyEdit applies what the editor saved, and nothing where it saved nothing; what cannot be
// applied is kept.
func TestPolicyEdit(t *testing.T) {
	e := newPolicyEdge(t, commented)
	kept := t.TempDir()
	t.Setenv("TMPDIR", kept)
	t.Setenv("VISUAL", "")
	t.Setenv("EDITOR", "true")
	e.want("", "nothing was changed\n", "edit")
	t.Setenv("EDITOR", "sed -i s/trace/icmp/")
	e.want("policy applied: 1 grant, 1 group, 0 tests passed\n  ~ grant eng-office: how +icmp -trace\n", noDevice, "edit")
	e.want(strings.Replace(commented, "trace", "icmp", 1), "", "show")
	t.Setenv("EDITOR", "false")
	e.want("", "error: edit policy with false: exit status 1\nhint: the policy in force stays as it was; choose another editor: EDITOR=nano oneping policy edit\n", "edit")
	if files, _ := os.ReadDir(kept); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
	t.Setenv("EDITOR", "sed -i s/icmp/ping/")
	file := e.wantKept(kept, "error: read policy: line 5: grant eng-office: how: \"ping\" is not a protocol and its ports\n"+
		"hint: write icmp: it is ICMPv6, too; the policy in force stays as it was; your text is in FILE: edit it, then oneping policy apply -f FILE\n")
	if text, err := os.ReadFile(file); err != nil || string(text) != strings.Replace(commented, "trace", "ping", 1) {
		t.Errorf("%v in %s:\n%s", err, file, text)
	}
	_ = os.Remove(file)
	t.Setenv("EDITOR", "f() { echo '# mine' >> $1; exit 3; }; f") // what it saved before is not lost
	file = e.wantKept(kept, "error: edit policy with f() { echo '# mine' >> $1; exit 3; }; f: exit status 3\n"+
		"hint: the policy in force stays as it was; choose another editor: EDITOR=nano oneping policy edit; your text is in FILE: edit it, then oneping policy apply -f FILE\n")
	if text, err := os.ReadFile(file); err != nil || !strings.HasSuffix(string(text), "# mine\n") {
		t.Errorf("%v in %s:\n%s", err, file, text)
	}
	_ = os.Remove(file)
	e.write("grants: []\n")
	meanwhile := admin.NewClient(filepath.Join(e.dir, local.SocketName))
	p, err := meanwhile.Policy(t.Context())
	if err == nil {
		_, err = meanwhile.ApplyPolicy(t.Context(), "grants: []\n")
	}
	if err != nil {
		t.Fatal(err)
	}
	if _, err := meanwhile.ReplacePolicy(t.Context(), commented, p.Base); err == nil || err.Error() != "apply policy: the policy in force has changed since it was read" {
		t.Errorf("a text that is based on another one: %v", err)
	}
	e.want("grants: []\n", "", "show")
}

// wantKept runs edit, wants it to fail with that text, and returns the file it speaks of.
func (e *policyEdge) wantKept(dir, stderr string) string {
	e.t.Helper()
	out, errs := e.run("edit")
	files, err := filepath.Glob(filepath.Join(dir, "oneping-policy-*.yaml"))
	if err != nil || len(files) != 1 {
		e.t.Fatalf("kept: %v, %v\n%s", files, err, errs)
	}
	if diff := cmp.Diff("--\n"+strings.ReplaceAll(stderr, "FILE", files[0]), out+"--\n"+errs); diff != "" {
		e.t.Errorf("edit:\n%s", diff)
	}
	return files[0]
}
