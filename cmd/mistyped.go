package cmd

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/oneping/oneping/internal/advice"
)

// wrongCommand finds a word where a command is wanted and none of that name
// is: cobra would print the help and call it success.
func wrongCommand(root *cobra.Command, args []string) error {
	if err := pasted(args); err != nil {
		return err
	}
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd(args...)
	cmd, rest, _ := root.Find(args)
	if len(args) > 1 && isForeignFlag(root, args[0]) { // cobra takes the command for the flag's value
		return wrongUse(fmt.Errorf("%s has no flag %s", root.Name(), args[0]),
			"a flag stands behind the command that it is for: "+root.Name()+" COMMAND "+args[0])
	}
	if cmd != nil && cmd.Name() == "help" {
		cmd, rest, _ = root.Find(rest)
	}
	if cmd == nil {
		cmd, rest = root, args
	}
	if err := glued(cmd, rest); err != nil {
		return err
	}
	if cmd.Runnable() || len(rest) == 0 || strings.HasPrefix(rest[0], "-") || strings.HasPrefix(rest[0], cobra.ShellCompRequestCmd) {
		return nil
	}
	return noCommand(cmd, rest[0], seeHelp(cmd))
}

// isForeignFlag says whether word is a flag that root has not.
func isForeignFlag(root *cobra.Command, word string) bool {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	switch {
	case !strings.HasPrefix(word, "-"), name == "", name == "help":
		return false
	case strings.HasPrefix(word, "--"):
		return root.Flags().Lookup(name) == nil && name != "version"
	}
	return name != "h" && name != "v"
}

// noCommand says that cmd has no such command: the hint is one that it may stand for, else another.
func noCommand(cmd *cobra.Command, word, another string) error {
	if like := meant(cmd, word); len(like) > 0 {
		another = "did you mean " + strings.Join(like, " or ") + "?"
	}
	return wrongUse(fmt.Errorf("%s has no command %q", cmd.CommandPath(), word), another)
}

// most is how many commands a hint offers: of more, none is probably the right one.
const most = 3

// meant returns the command lines that word behind cmd may stand for: a command of cmd that means
// the same or looks alike, else one further down, or a flag there, else one elsewhere.
func meant(cmd *cobra.Command, word string) []string {
	var like []string
	for _, sub := range synonyms(cmd, word) {
		like = append(like, sub.CommandPath())
	}
	if len(like) == 0 {
		cmd.SuggestionsMinimumDistance = min(2, (len(word)+1)/2) // two changes make any word of two letters
		for _, name := range cmd.SuggestionsFor(word) {
			like = append(like, cmd.CommandPath()+" "+name)
		}
	}
	if len(like) == 0 {
		like = named(cmd, word)
	}
	for parent := cmd.Parent(); parent != nil && len(like) == 0; parent = parent.Parent() {
		like = childOf(parent, word) // client service restart: client restart
	}
	if len(like) == 0 {
		if slices.Contains(makes(), word) { // token create: what makes a token is called token elsewhere
			word = cmd.Name()
		}
		like = slices.DeleteFunc(named(cmd.Root(), word), func(path string) bool {
			return path == cmd.CommandPath() || strings.Contains(path, " lab ") // which has machines of its own
		})
	}
	slices.Sort(like)
	if like = slices.Compact(like); len(like) > most {
		return nil
	}
	return like
}

// childOf returns the command of cmd that is called word, also by an alias, or means the same.
func childOf(cmd *cobra.Command, word string) []string {
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && (sub.Name() == word || sub.HasAlias(word)) {
			return []string{sub.CommandPath()}
		}
	}
	for _, sub := range synonyms(cmd, word) {
		return []string{sub.CommandPath()}
	}
	return nil
}

// named returns the commands below top that are called word, and those that have a flag of that
// name.
func named(top *cobra.Command, word string) []string {
	var commands, flags []string
	for _, sub := range top.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		if sub.Name() == word {
			commands = append(commands, sub.CommandPath())
		}
		if f := sub.LocalNonPersistentFlags().Lookup(word); f != nil && f.NoOptDefVal != "" {
			flags = append(flags, sub.CommandPath()+" --"+word)
		}
		commands = append(commands, named(sub, word)...)
	}
	if len(commands) > 0 {
		return commands
	}
	return flags
}

// makes are the words for making something.
func makes() []string { return []string{"create", "add", "new", "make", "mk"} }

// synonyms returns the commands of cmd that mean the same as word. Of several groups of words that
// word is in, the first decides that has a command here; what has commands of its own is a noun.
func synonyms(cmd *cobra.Command, word string) []*cobra.Command {
	for _, group := range [][]string{
		{"list", "ls", "ps", "all", "dir"},
		{"show", "get", "info", "describe", "inspect", "view", "cat", "print"},
		{"status", "state", "stat", "health", "list", "ls", "ps", "show", "info"},
		{"show", "list", "ls", "export", "dump"},
		makes(),
		{"token", "create", "add", "new", "make", "enrol", "enroll", "invite", "login", "key"},
		{"delete", "del", "remove", "rm", "destroy", "drop", "erase"},
		{"revoke", "cancel", "delete", "remove", "rm", "ban", "block", "kick", "disable"},
		{"down", "stop", "end", "kill", "rm", "delete", "disconnect"},
		{"up", "start", "run", "connect", "launch"},
		{"run", "start", "up", "serve", "launch"},
		{"set", "edit", "change", "update", "modify", "resize"},
		{"edit", "set", "change", "update", "modify"},
		{"rename", "mv", "move"},
		{"check", "test", "validate", "verify", "lint", "doctor"},
		{"apply", "set", "load", "push", "import", "edit"},
		{"explain", "why", "debug", "diagnose", "test"},
		{"rekey", "rotate", "renew"},
		{"install", "enable", "add"},
		{"uninstall", "disable", "remove", "delete", "rm"},
		{"logs", "log", "journal"},
		{"shell", "sh", "ssh", "bash", "enter", "console"},
		{"backup", "dump", "export", "save"},
		{"restore", "import", "load"},
	} {
		if !slices.Contains(group, word) {
			continue
		}
		for _, name := range group {
			for _, sub := range cmd.Commands() {
				if sub.Name() == name && sub.IsAvailableCommand() && !sub.HasSubCommands() && name != word {
					return []*cobra.Command{sub}
				}
			}
		}
	}
	return nil
}

// wrongFlag says what is wrong with a flag of cmd, and what to write instead; what another hint says
// where nothing comes near it.
func wrongFlag(cmd *cobra.Command, err error, another string) error {
	switch e := err.(type) {
	case *pflag.NotExistError:
		if like := meantFlag(cmd, e.GetSpecifiedName(), e.GetSpecifiedShortnames()); like != "" {
			another = "did you mean " + like + "?"
		} else if there := flagOf(cmd.Root(), e.GetSpecifiedName()); len(there) > 0 && len(there) <= most {
			another = "--" + e.GetSpecifiedName() + " is a flag of " + strings.Join(there, ", ")
		}
	case *pflag.ValueRequiredError:
		name, _ := pflag.UnquoteUsage(e.GetFlag())
		return wrongUse(fmt.Errorf("--%s needs a value", e.GetFlag().Name), "write --"+e.GetFlag().Name+" "+name)
	case *pflag.InvalidValueError:
		f := e.GetFlag()
		want := wanted(f)
		if want == "" {
			return wrongUse(fmt.Errorf("--%s %q: %w", f.Name, e.GetValue(), e.Unwrap()), helpOf(cmd))
		}
		if f.NoOptDefVal != "" {
			return wrongUse(fmt.Errorf("--%s %q: want %s", f.Name, e.GetValue(), want), "write --"+f.Name+" alone, or leave it out")
		}
		hint := helpOf(cmd)
		if meant := meantDuration(e.GetValue()); meant != "" && f.Value.Type() == "duration" {
			hint = "write --" + f.Name + " " + meant
		}
		return wrongUse(fmt.Errorf("--%s %q: want %s", f.Name, e.GetValue(), want), hint)
	}
	return wrongUse(err, another)
}

// meantDuration returns the duration that a number was meant for, which has no unit, or one that is
// longer than an hour: 5m of 5, 168h of 7d; "" for other words.
func meantDuration(text string) string {
	digits := strings.TrimRight(text, "dw")
	n, err := strconv.ParseUint(digits, 10, 16)
	if err != nil {
		return ""
	}
	switch text[len(digits):] {
	case "":
		return digits + "m"
	case "d":
		return strconv.FormatUint(n*24, 10) + "h"
	case "w":
		return strconv.FormatUint(n*7*24, 10) + "h"
	}
	return ""
}

// wanted says what a flag's value is to be; "" where its own error does.
func wanted(f *pflag.Flag) string {
	switch f.Value.Type() {
	case "bool":
		return "no value"
	case "duration":
		return "a time such as 30m or 24h"
	case "uint8":
		return fmt.Sprintf("a whole number from 0 to %d", math.MaxUint8)
	case "uint16":
		return fmt.Sprintf("a whole number from 0 to %d", math.MaxUint16)
	case "uint32":
		return fmt.Sprintf("a whole number from 0 to %d", uint32(math.MaxUint32))
	case "int", "int64", "uint", "uint64":
		return "a whole number"
	case "float64":
		return "a number"
	}
	return ""
}

// meantFlag returns the flag of cmd that a person wanted who wrote --name or -letters; "" if none.
func meantFlag(cmd *cobra.Command, name, letters string) string {
	var names, begin []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	word := name
	if word == "" {
		word = letters
	}
	for _, n := range names {
		switch {
		case n == word, len(letters) > 2 && strings.HasSuffix(n, letters): // -version: its v was a flag
			return "--" + n
		case strings.HasPrefix(n, word):
			begin = append(begin, n)
		}
	}
	switch {
	case len(begin) == 1:
		return "--" + begin[0]
	case len(letters) == 1:
		if f := cmd.Flags().ShorthandLookup(swapCase(letters)); f != nil {
			return "-" + f.Shorthand
		}
		return ""
	}
	if like := advice.Nearest(strings.ToLower(word), names); like != "" {
		return "--" + like
	}
	return ""
}

func swapCase(letter string) string {
	if lower := strings.ToLower(letter); lower != letter {
		return lower
	}
	return strings.ToUpper(letter)
}

// flagOf returns the commands below cmd that have a flag of that name.
func flagOf(cmd *cobra.Command, name string) []string {
	if name == "" {
		return nil
	}
	var there []string
	for _, sub := range cmd.Commands() {
		if !sub.IsAvailableCommand() {
			continue
		}
		if sub.LocalFlags().Lookup(name) != nil {
			there = append(there, sub.CommandPath())
		}
		there = append(there, flagOf(sub, name)...)
	}
	return there
}
