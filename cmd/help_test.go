package cmd

import (
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// commands returns every command that a person may find, but for cobra's own.
func commands(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "completion" {
			all = append(all, commands(sub)...)
		}
	}
	return all
}

// TestHelp wants of each command that does something an example, of each example that it is a
// command line of this program, and of each value of a flag a name.
func TestHelp(t *testing.T) {
	for _, cmd := range commands(newRootCmd("dev")) {
		path := cmd.CommandPath()
		if cmd.Runnable() && !cmd.HasSubCommands() && cmd.Example == "" && cmd.Name() != "version" {
			t.Errorf("%s --help has no example", path)
		}
		shown := false
		for _, example := range strings.Split(cmd.Example, "\n") {
			for _, part := range strings.Split(example, " && ") {
				shown = wantCommandLine(t, part) == path || shown
			}
		}
		if !cmd.HasSubCommands() && cmd.Example != "" && !shown {
			t.Errorf("%s --help shows other commands than itself:\n%s", path, cmd.Example)
		}
		cmd.Flags().VisitAll(func(f *pflag.Flag) {
			if name, _ := pflag.UnquoteUsage(f); name != strings.ToUpper(name) {
				t.Errorf("%s --%s %s: its value has no name", path, f.Name, name)
			}
		})
	}
}

// wantCommandLine parses an example as main would, up to a pipe, and returns the command that it
// runs.
func wantCommandLine(t *testing.T, example string) string {
	t.Helper()
	_, rest, ok := strings.Cut(" "+example, " oneping ")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, " |")
	root := newRootCmd("dev")
	cmd, args, err := root.Find(strings.Fields(rest))
	if err != nil {
		t.Errorf("example %q: %v", example, err)
		return ""
	}
	if err := cmd.ParseFlags(args); err != nil {
		t.Errorf("example %q: %v", example, err)
	}
	return cmd.CommandPath()
}

// TestHelpIsNarrow: nobody reads a line that is wider than a terminal. Examples may be, they are to
// be copied. Whatever the width, all words are there.
func TestHelpIsNarrow(t *testing.T) {
	for _, cmd := range commands(newRootCmd("dev")) {
		words := strings.Fields(helpText(cmd, widest))
		for _, width := range []int{60, helpWidth, widest} {
			text := helpText(cmd, width)
			if got := strings.Fields(text); !slices.Equal(got, words) {
				t.Errorf("%s --help, %d wide, has other words:\n%s", cmd.CommandPath(), width, text)
			}
			asIs := cmd.Long + "\n" + cmd.Example
			if width >= helpWidth { // there also what is to be copied has room, but for a command line
				asIs = cmd.Example
			}
			for line := range strings.Lines(text) {
				words := len(strings.Fields(line))
				if n := utf8.RuneCountInString(strings.TrimSuffix(line, "\n")); n > width && words > 1 && !(line[0] == ' ' && strings.Contains(asIs, strings.TrimSpace(line))) {
					t.Errorf("%s --help, %d wide: a line of %d characters:\n%s", cmd.CommandPath(), width, n, line)
				}
			}
		}
	}
}

// Who reads help through a pipe gets 80 columns, by each of the ways to ask for it.
func TestHelpOfAPipe(t *testing.T) {
	want := helpText(find(t, "lab"), helpWidth)
	for _, args := range [][]string{{"lab", "--help"}, {"help", "lab"}, {"lab", "-h"}} {
		if out, errs := oneping(t, args...); out != want || errs != "" {
			t.Errorf("%q: %q\n%s\nwant\n%s", args, errs, out, want)
		}
	}
}

// find returns a command by its path below oneping.
func find(t *testing.T, path ...string) *cobra.Command {
	t.Helper()
	cmd, _, err := newRootCmd("dev").Find(path)
	if err != nil {
		t.Fatal(err)
	}
	cmd.InitDefaultHelpFlag() // as Execute does
	return cmd
}
