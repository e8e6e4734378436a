//go:build linux

package deploy

import (
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// bare is the first minutes of a newcomer whose machine has Go and none of the tools that networks are
// looked at with.
func (r release) bare(t *testing.T) {
	root := r.layer(t)
	for _, name := range []string{"ping", "traceroute", "ip", "ss", "tc", "sysctl"} {
		paths, err := filepath.Glob(filepath.Join(root, "usr/*bin", name))
		if err != nil || len(paths) == 0 {
			t.Fatalf("the root has no %s: %v", name, err)
		}
		run(t, time.Minute, ".", append([]string{"rm"}, paths...)...)
	}
	run(t, time.Minute, ".", "chroot", root, "useradd", "-m", "newbie")
	run(t, time.Minute, ".", "mv", copyOfTree(t), filepath.Join(root, "oneping"))
	env := goEnv(t, "GOROOT", "GOMODCACHE", "GOCACHE")
	in := func(user, line string) (string, error) {
		t.Helper()
		argv := append([]string{"env"}, env...)
		return try(t, 5*time.Minute, ".", append(argv, "unshare", "--mount", "--pid", "--ipc", "--uts", "--fork", "--kill-child",
			"sh", "bare.sh", root, user, line)...)
	}

	// A user is told what is missing before anything is compiled.
	_, err := in("newbie", "ONEPING_CACHE=/tmp scripts/oneping lab -- traceroute -I 172.16.10.120")
	want := ": exit status 127\noneping: error: traceroute: command not found\n" +
		"hint: as root: apt-get install traceroute (or the package of that name on your system)\n"
	if err == nil || !strings.HasSuffix(err.Error(), want) {
		t.Errorf("it said %v, want %s", err, want)
	}

	// Root's first and second command. The tests that use one of these tools are left out, and named.
	said, err := in("root", "ONEPING_E2E_RUN='TestHarness$|TestSecondNodeOnOneDirectory$' scripts/test e2e 2>&1")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`\nmissing: curl .* tcpdump .*traceroute; as root: apt-get install curl .* iputils-ping .*\nscripts/test --install does this; what needs them is left out\n`,
		`\nleft out in test/e2e: what needs ping \(Debian: iputils-ping\)\n`,
		`\n\d passed, 0 failed, 0 skipped, 1 left out\n$`,
	} {
		if !regexp.MustCompile(want).MatchString("\n" + said) {
			t.Errorf("it said\n%s\nwant %s", said, want)
		}
	}

	// What root has compiled, a user runs: the first command, as the README has it.
	if _, err := in("root", "scripts/oneping version && chown -R newbie .cache"); err != nil {
		t.Fatal(err)
	}
	first := firstCommand(t)
	said, err = in("newbie", first)
	if err != nil {
		t.Fatal(err)
	}
	hops := regexp.MustCompile(`(?m)^ *\d+  \S+ \(([\d.]+)\)`)
	var path []string
	for _, m := range hops.FindAllStringSubmatch(said, -1) {
		path = append(path, m[1])
	}
	if got := strings.Join(path, " "); got != "172.68.101.57 172.16.10.100 172.16.10.120" {
		t.Errorf("%s\n%s", first, said)
	}
}

// firstCommand returns the first command of the README.
func firstCommand(t *testing.T) string {
	t.Helper()
	for _, b := range program.README(t) {
		if b.Lang == "sh" {
			return b.Commands()[0]
		}
	}
	t.Fatal("the README has no commands")
	return ""
}
