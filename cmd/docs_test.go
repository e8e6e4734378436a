package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestDocs wants a page of every command and the completions, the same whoever builds them.
func TestDocs(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	written := func() map[string]string {
		t.Helper()
		dir := t.TempDir()
		if out, errs := oneping(t, "docs", dir); out+errs != "" {
			t.Fatal(out, errs)
		}
		all := make(map[string]string)
		for _, pattern := range []string{"man/*.1", "completions/*"} {
			paths, _ := filepath.Glob(filepath.Join(dir, pattern))
			for _, path := range paths {
				b, err := os.ReadFile(path)
				if err != nil {
					t.Fatal(err)
				}
				all[strings.TrimPrefix(path, dir+"/")] = string(b)
			}
		}
		return all
	}
	first := written()
	t.Setenv("HOME", "/home/other")
	t.Setenv("XDG_STATE_HOME", "/srv/state")
	t.Setenv("ONEPING_STATE_DIR", "/srv/oneping")
	if diff := cmp.Diff(first, written()); diff != "" {
		t.Errorf("another user writes other pages:\n%s", diff)
	}
	for path, word := range map[string]string{
		"man/oneping.1": "SEE ALSO", "man/oneping-connector-run.1": "ping_group_range", "man/oneping-edge-service-install.1": "systemd",
		"completions/oneping.bash": "__start_oneping", "completions/oneping.zsh": "#compdef oneping", "completions/oneping.fish": "complete -c oneping",
	} {
		if !strings.Contains(first[path], word) {
			t.Errorf("%s: no %q", path, word)
		}
	}
}

// inlineCommand is a command of ours in running text.
var inlineCommand = regexp.MustCompile("`(?:sudo )?oneping\\s([^`]+)`")

// TestPageCommands: every command that a page for operators names is one, with these flags.
func TestPageCommands(t *testing.T) {
	pages, err := filepath.Glob("../docs/*.md")
	if err != nil {
		t.Fatal(err)
	}
	count := 0
	for _, path := range append(pages, "../README.md") {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range inlineCommand.FindAllStringSubmatch(string(page), -1) {
			count++
			words, _, _ := strings.Cut(strings.ReplaceAll(m[1], "ROLE", "client"), " -- ")
			cmd, args, err := newRootCmd("dev").Find(strings.Fields(words))
			if err == nil {
				err = cmd.ParseFlags(args)
			}
			if err != nil || cmd.HasSubCommands() && cmd.Name() != "lab" {
				t.Errorf("%s: oneping %s: %q, %v", path, m[1], cmd.CommandPath(), err)
			}
		}
	}
	if count < 60 {
		t.Errorf("%d commands", count)
	}
}
