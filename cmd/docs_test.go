package cmd

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/proto"
)

// TestDocs wants a page of every command and the completions, the same whoever builds them.
func TestDocs(t *testing.T) {
	t.Setenv("SOURCE_DATE_EPOCH", "1700000000")
	written := func() map[string]string {
		t.Helper()
		dir := t.TempDir()
		if out, errs := oneping(t, "docs", "--source", "../docs", dir); out+errs != "" {
			t.Fatal(out, errs)
		}
		all := make(map[string]string)
		for _, pattern := range []string{"man/*", "completions/*"} {
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
		"man/oneping-policy.5": ".TP\n\\fBgroups\\fR\nnames for several users\n", "man/oneping-troubleshooting.7": "traceroute -I ADDRESS", "man/oneping-edge.yaml.5": "Where nodes dial this edge",
		"completions/oneping.bash": "__start_oneping", "completions/oneping.zsh": "#compdef oneping", "completions/oneping.fish": "complete -c oneping",
	} {
		if !strings.Contains(first[path], word) {
			t.Errorf("%s: no %q", path, word)
		}
	}
}

// A flag without a value has none in its man page, and oneping(1) has --version.
func TestManPagesOfFlags(t *testing.T) {
	dir := t.TempDir()
	if out, errs := oneping(t, "docs", "--source", "../docs", dir); out+errs != "" {
		t.Fatal(out, errs)
	}
	pages, err := filepath.Glob(filepath.Join(dir, "man", "*"))
	if err != nil || len(pages) < 60 {
		t.Fatalf("%d pages, %v", len(pages), err)
	}
	for _, path := range pages {
		page, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if text := string(page); strings.Contains(text, "[=") || !strings.Contains(text, ".nh\n.TH ") {
			t.Errorf("%s:\n%s", path, text)
		}
		if filepath.Base(path) == "oneping.1" && !strings.Contains(string(page), `\fB--version\fP`) {
			t.Errorf("%s has no --version:\n%s", path, page)
		}
	}
}

// Each key of a configuration file is in its man page, below what the file that we ship says of it.
func TestManPagesOfConfigurationFiles(t *testing.T) {
	for _, role := range []proto.Role{proto.RoleEdge, proto.RoleConnector, proto.RoleClient} {
		body := settings(role, service.Sample(role))
		head, keys, ok := strings.Cut(body, "\n## KEYS\n\n")
		if !ok || !strings.Contains(head, "/etc/oneping/"+string(role)+".yaml") || !strings.Contains(head, "\n    oneping "+string(role)+" config check\n") {
			t.Errorf("%s begins with\n%s", role, head)
		}
		for line := range strings.Lines(service.Sample(role)) {
			line = strings.TrimSpace(line)
			text, prose := strings.CutPrefix(line, "# ")
			if !prose && line != "#" {
				text = "    " + strings.TrimPrefix(line, "#")
			}
			if line != "#" && !strings.Contains(body, strings.TrimSpace(text)) || !prose && line != "#" && !strings.Contains(keys, text+"\n") {
				t.Errorf("%s: %q is missing in\n%s", role, line, body)
			}
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
