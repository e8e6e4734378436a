package test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"
)

// machine runs lines of shell that use scripts/machine.sh, and returns standard output, standard
// error and the exit code.
func machine(t *testing.T, lines string, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	return typed(t, `set -euo pipefail; root=..; . ../scripts/machine.sh; `+lines, env...)
}

func typed(t *testing.T, line string, env ...string) (stdout, stderr string, code int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the scripts are for Linux")
	}
	cmd := exec.Command("bash", "-c", line)
	cmd.Env = append(os.Environ(), env...)
	var out, words strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &words
	cmd.WaitDelay = 5 * time.Second // for what the script leaves running
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), words.String(), cmd.ProcessState.ExitCode()
}

// fakeGo puts a Go that knows only its version into a folder, and returns the folder.
func fakeGo(t *testing.T, version string) string {
	t.Helper()
	dir := t.TempDir()
	script := "#!/bin/sh\n[ \"$1\" = version ] && echo '" + version + "'\n"
	if err := os.WriteFile(filepath.Join(dir, "go"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// wanted is the version of Go that go.mod names.
func wanted(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../go.mod")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^go (\S+)$`).FindSubmatch(text)
	if m == nil {
		t.Fatal("go.mod names no version of Go")
	}
	return string(m[1])
}

// TestScriptsFindGo: a Go that can fetch another one is good, wherever it is; an older one is named.
func TestScriptsFindGo(t *testing.T) {
	debian := fakeGo(t, "go version go1.19.8 linux/amd64")
	gcc := fakeGo(t, "go version go1.18 gccgo (Debian 12.2.0-14) 12.2.0 linux/amd64")
	least := fakeGo(t, "go version go1.21.0 linux/amd64")
	devel := fakeGo(t, "go version devel go1.30-abcdef linux/amd64")
	hint := "hint: install Go 1.21 or newer, it fetches the rest; in PATH or in /usr/local/go\n"
	too := " is Go 1.19; oneping is built with Go " + wanted(t) + "\n"
	for name, c := range map[string]struct {
		dirs []string
		want string // the Go that is used, or what is said
	}{
		"Debian 12's":     {[]string{debian}, "oneping: error: " + debian + "/go" + too + hint},
		"the first named": {[]string{debian, gcc}, "oneping: error: " + debian + "/go" + too + hint},
		"none":            {[]string{t.TempDir()}, "oneping: error: Go is not installed; oneping is built with Go " + wanted(t) + "\n" + hint},
		"the least":       {[]string{least}, least + "/go\n"},
		"one behind it":   {[]string{debian, gcc, least}, least + "/go\n"},
		"a future one":    {[]string{debian, devel}, devel + "/go\n"},
	} {
		t.Run(name, func(t *testing.T) {
			out, words, code := machine(t, `go_dirs() { printf '%s\n' $dirs; }; use_go && command -v go`, "dirs="+strings.Join(c.dirs, " "))
			if out+words != c.want || (code == 0) != (out != "") {
				t.Errorf("exit code %d, %q %q, want %q", code, out, words, c.want)
			}
		})
	}
}

// TestScriptsLetGoFetch: what a distribution's go.env says about other versions of Go does not count, what
// the user has said does.
func TestScriptsLetGoFetch(t *testing.T) {
	env := filepath.Join(t.TempDir(), "env")
	show := `use_go; echo "${GOTOOLCHAIN-}"`
	for _, c := range []struct {
		name, file string
		env        []string
		want       string
	}{
		{"nothing said", "", []string{"GOTOOLCHAIN="}, "auto\n"},
		{"said in the environment", "", []string{"GOTOOLCHAIN=local"}, "local\n"},
		{"said with go env -w", "GOTOOLCHAIN=local\n", []string{"GOTOOLCHAIN="}, "\n"},
	} {
		if err := os.WriteFile(env, []byte(c.file), 0o644); err != nil {
			t.Fatal(err)
		}
		out, words, code := machine(t, show, append(c.env, "GOENV="+env)...)
		if out != c.want || words != "" || code != 0 {
			t.Errorf("%s: exit code %d, %q %q, want %q", c.name, code, out, words, c.want)
		}
	}
}

// TestOnepingLooksFirst: what a lab needs is looked for before anything is compiled.
func TestOnepingLooksFirst(t *testing.T) {
	const unknown = "oneping: error: no-such-tool: command not found\n" +
		"hint: the command runs with the files of this machine; is it installed and in the PATH?\n"
	for _, args := range []string{"lab -- no-such-tool -n 10.0.0.1", "lab --routers 2 --policy x -- no-such-tool"} {
		out, words, code := typed(t, "../scripts/oneping "+args, "ONEPING_CACHE="+t.TempDir())
		if !strings.HasPrefix(words, unknown) || strings.Contains(words, "compiling") || out != "" || code == 0 {
			t.Errorf("%s: exit code %d, %q %q, want %q", args, code, out, words, unknown)
		}
	}
}

// TestScriptsNameTheLab: which command lines make a lab, and what runs in it.
func TestScriptsNameTheLab(t *testing.T) {
	text, err := os.ReadFile("../scripts/oneping")
	if err != nil {
		t.Fatal(err)
	}
	function := regexp.MustCompile(`(?ms)^lab_command\(\) \{\n.*?^\}\n`).Find(text)
	if function == nil {
		t.Fatal("scripts/oneping has no lab_command")
	}
	for args, want := range map[string]string{
		"lab -- traceroute -I 172.16.10.120": "traceroute\n0",
		"lab --plain -- mtr x":               "mtr\n0",
		"lab -- oneping trace":               "oneping\n0",
		"lab up --laptops 2":                 "0",
		"lab":                                "1",
		"lab --":                             "1",
		"lab --help":                         "1",
		"lab exec laptop -- no-such":         "1",
		"lab down":                           "1",
		"client up -- lab":                   "1",
		"":                                   "1",
	} {
		out, words, _ := typed(t, "set -u\n"+string(function)+"c=0; lab_command "+args+" || c=$?; printf $c")
		if out != want || words != "" {
			t.Errorf("%s: %q %q, want %q", args, out, words, want)
		}
	}
}

// TestScriptsSayWhatALabLacks: in the words that the program has for it, and only when it is so.
func TestScriptsSayWhatALabLacks(t *testing.T) {
	source, err := os.ReadFile("../internal/lab/precondition_linux.go")
	if err != nil {
		t.Fatal(err)
	}
	said := strings.ReplaceAll(string(source), "%s", "/dev/net/tun")
	none := filepath.Join(t.TempDir(), "tun")
	for lines, want := range map[string]string{
		"tun " + none:   "as root: modprobe tun; in a container start it with: --device /dev/net/tun\n",
		"tun /dev/null": "",
		`id() { echo 1000; }; unshare() { return 1; }; cat() { [ $1 != /proc/sys/kernel/unprivileged_userns_clone ] || echo 0; }; namespaces`:  "as root: sysctl -w kernel.unprivileged_userns_clone=1\n",
		`id() { echo 1000; }; unshare() { return 1; }; cat() { [ ${1##*/} != apparmor_restrict_unprivileged_userns ] || echo 1; }; namespaces`: "as root: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0\n",
		`id() { echo 1000; }; unshare() { return 1; }; cat() { :; }; namespaces`:                                                               "this system forbids unprivileged user namespaces (a container?); run it as root\n",
		`id() { echo 1000; }; unshare() { return 0; }; namespaces`:                                                                             "",
		`id() { echo 0; }; unshare() { return 1; }; namespaces`:                                                                                "",
	} {
		out, words, code := machine(t, lines)
		if out != want || words != "" || (code == 0) != (want == "") {
			t.Errorf("%s: exit code %d, %q %q, want %q", lines, code, out, words, want)
		}
		if hint := strings.TrimSpace(want); !strings.Contains(said, hint) {
			t.Errorf("the program does not say %q", hint)
		}
	}
}

// TestListOfPrograms: what a test says it needs is on the list that scripts/test --install installs from, or
// on every Debian; and the list names sections that there are.
func TestListOfPrograms(t *testing.T) {
	listed := make(map[string]bool)
	text, err := os.ReadFile("program/needs.txt")
	if err != nil {
		t.Fatal(err)
	}
	all, _, _ := machine(t, "all_sections")
	for line := range strings.Lines(string(text)) {
		f := strings.Fields(line)
		if len(f) == 0 || f[0] == "#" {
			continue
		}
		if len(f) < 3 {
			t.Errorf("needs.txt: %q: want PROGRAM PACKAGE SECTION…", line)
			continue
		}
		listed[f[0]] = true
		for _, s := range f[2:] {
			if !strings.Contains(" "+strings.TrimSpace(all)+" ", " "+s+" ") {
				t.Errorf("needs.txt: %s is for section %s, and scripts/test has none of that name", f[0], s)
			}
		}
	}
	for _, name := range []string{"bash", "nice", "unshare", "setpriv", "oneping"} { // essential, or ours
		listed[name] = true
	}
	call := regexp.MustCompile(`\b(?:program\.Needs|needs)\(t, ("[^)]*")\)`)
	seen := 0
	files(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, "_test.go") {
			return
		}
		for _, m := range call.FindAllSubmatch(text, -1) {
			for _, name := range strings.Split(string(m[1]), ", ") {
				seen++
				if name = strings.Trim(name, `"`); !listed[name] {
					t.Errorf("%s needs %s, which is not in test/program/needs.txt", path, name)
				}
			}
		}
	})
	if seen < 50 {
		t.Errorf("found %d programs that tests need: has the call another name now?", seen)
	}
}

// TestMissingPrograms: what is missing is told for the sections that use it, with its package.
func TestMissingPrograms(t *testing.T) {
	list := filepath.Join(t.TempDir(), "needs")
	text := "# a remark\n\nno-such-ping iputils-ping e2e rootless\nno-such-wine wine64 wine\nbash bash e2e\n/no/such.h libc6-dev unit\n"
	if err := os.WriteFile(list, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	for lines, want := range map[string]string{
		"missing e2e":       "no-such-ping iputils-ping\n",
		"missing wine unit": "no-such-wine wine64\n/no/such.h libc6-dev\n",
		"missing rootless":  "no-such-ping iputils-ping\n",
		"missing static":    "",
		"package bash":      "bash\n",
		"package nobody":    "",
		"there awk && echo": "\n",
	} {
		if out, words, code := machine(t, "needs="+list+"; "+lines); out != want || words != "" || code != 0 {
			t.Errorf("%s: exit code %d, %q %q, want %q", lines, code, out, words, want)
		}
	}
}

// TestSectionsSideBySide: each line says whose it is, who fails is named, and who stops scripts/test
// stops them all.
func TestSectionsSideBySide(t *testing.T) {
	const part = `set -euo pipefail; section() { :; }; ok=1 failed=() beside_pids=() tun_mode= work=$(mktemp -d)
		eval "$(sed -n '/^cleanup() {/,/^}/p; /^side_by_side() {/,/^}/p' ../scripts/test)"; trap cleanup EXIT; trap 'exit 143' TERM
		run_a() { echo one; }; run_b() { echo two; return 3; }; run_c() { sleep 100 & echo $! >&3; wait; }; `
	out, errs, code := typed(t, part+`side_by_side a b; echo "$ok ${failed[*]}"`)
	for _, want := range []string{"[a] one\n", "[b] two\n", "0 b\n"} {
		if !strings.Contains(out, want) || errs != "" || code != 0 {
			t.Errorf("%q, %q, exit code %d, want %q", out, errs, code, want)
		}
	}
	said := filepath.Join(t.TempDir(), "pid")
	_, errs, code = typed(t, part+`exec 3>"$PIDFILE"; { until [ -s "$PIDFILE" ]; do sleep 0.05; done; kill -TERM $$; } & side_by_side c`, "PIDFILE="+said)
	pid, err := os.ReadFile(said)
	if err != nil || code != 143 {
		t.Fatalf("exit code %d, want 143; %v\n%s", code, err, errs)
	}
	cmdline, _ := os.ReadFile("/proc/" + strings.TrimSpace(string(pid)) + "/cmdline") // empty of one that nobody has waited for
	if strings.HasPrefix(string(cmdline), "sleep") {
		t.Errorf("process %s goes on", pid)
	}
}

// TestOneTestCommand: what the CI runs is the README's second command, as it stands there.
func TestOneTestCommand(t *testing.T) {
	readme, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	blocks := regexp.MustCompile("(?ms)^```sh\n(.*?)^```$").FindAllSubmatch(readme, -1)
	if len(blocks) != 2 {
		t.Fatalf("README has %d commands, want two", len(blocks))
	}
	ci, err := os.ReadFile("../.ci/run")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^exec "\$\(dirname "\$\{BASH_SOURCE\[0\]\}"\)/\.\./(\S+)"(.*) </dev/null$`).FindSubmatch(ci)
	if m == nil {
		t.Fatal(".ci/run runs no command of the tree")
	}
	if got, want := string(m[1])+string(m[2]), strings.TrimSpace(string(blocks[1][1])); got != want {
		t.Errorf(".ci/run runs %q, and README says %q", got, want)
	}
}
