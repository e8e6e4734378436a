package cmd

import (
	"os"
	sh "os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/lab"
)

// TestOnePolicy: README, the text of the first start, the lab, docker compose, the documentation and
// the help show one policy: who has learnt it in the lab deploys it.
func TestOnePolicy(t *testing.T) {
	read := func(file string) string {
		t.Helper()
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	shown := map[string]string{
		"first start":                   guidePolicy(t),
		"lab":                           lab.DefaultPolicy([2]string{"172.16.10.0/24", "fd00::/64"}),
		"../deploy/compose/policy.yaml": read("../deploy/compose/policy.yaml"),
		"policy --help":                 between(t, newPolicyCmd().Long, "how:\n\n", "\n\n  who "),
	}
	for _, file := range append([]string{"../README.md"}, glob(t, "../docs/*.md")...) {
		for i, m := range policyBlock.FindAllStringSubmatch(read(file), -1) {
			shown[file+strings.Repeat(" again", i)] = m[1]
		}
	}
	if _, ok := shown["../README.md"]; !ok {
		t.Error("README.md shows no policy.yaml")
	}
	want := model.Grant{ID: "eng-office", Who: []string{"group:eng"}, To: []string{"172.16.10.0/24"}, How: []string{"trace", "udp:53", "tcp:*"}}
	for name, text := range shown {
		p, err := policy.Parse([]byte(text))
		if err != nil {
			t.Errorf("%s: %v\n%s", name, err, text)
			continue
		}
		if len(p.Grants) == 0 {
			t.Errorf("%s: no grant", name)
			continue
		}
		got := p.Grants[0]
		got.To = got.To[:1] // some have an IPv6 prefix, too
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff([]string{"alice@example.com"}, p.Groups["eng"]); diff != "" {
			t.Errorf("%s: eng (-want +got):\n%s", name, diff)
		}
	}
}

// policyBlock is a policy.yaml in Markdown.
var policyBlock = regexp.MustCompile("(?ms)^```yaml policy\\.yaml\n(.*?)^```")

func glob(t *testing.T, pattern string) []string {
	t.Helper()
	files, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

func between(t *testing.T, text, from, to string) string {
	t.Helper()
	_, rest, ok := strings.Cut(text, from)
	rest, _, end := strings.Cut(rest, to)
	if !ok || !end {
		t.Fatalf("nothing between %q and %q in\n%s", from, to, text)
	}
	return rest
}

// guidePolicy returns the file that the commands of the first start write.
func guidePolicy(t *testing.T) string {
	t.Helper()
	var b strings.Builder
	if err := (&guide{}).write(&b); err != nil {
		t.Fatal(err)
	}
	cmd := sh.Command("sh", "-ec", "printf"+between(t, b.String(), "   printf", "   oneping policy apply"))
	cmd.Dir = t.TempDir()
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	text, err := os.ReadFile(filepath.Join(cmd.Dir, "policy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
