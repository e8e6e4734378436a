package cmd

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
)

// digits are what a number is written with.
const digits = "0123456789"

// glued refuses a number that stands right behind a flag that takes no value: trace -T443. One digit
// may be a flag of its own there, as 4 and 6 are.
func glued(cmd *cobra.Command, args []string) error {
	for _, word := range args {
		if word == "--" {
			return nil
		}
		f, number := numbered(cmd, word)
		if f == nil {
			continue
		}
		hint := "write -" + f.Shorthand + " alone; " + helpOf(cmd)
		if port := cmd.Flags().Lookup("port"); port != nil && (f.Name == "tcp" || f.Name == "udp") {
			hint = "write -" + f.Shorthand + " -" + port.Shorthand + " " + number
		}
		return wrongUse(fmt.Errorf("-%s takes no value, and got %q", f.Shorthand, number), hint)
	}
	return nil
}

// numbered returns the flag without a value that word has a number behind, nil where it has none.
func numbered(cmd *cobra.Command, word string) (*pflag.Flag, string) {
	letters, ok := strings.CutPrefix(word, "-")
	if !ok || strings.HasPrefix(letters, "-") {
		return nil, ""
	}
	at := strings.IndexAny(letters, digits+"=:")
	if at < 1 {
		return nil, ""
	}
	var last *pflag.Flag
	for _, letter := range strings.Split(letters[:at], "") {
		if len(letter) != 1 {
			return nil, ""
		}
		if last = cmd.Flags().ShorthandLookup(letter); last == nil || last.NoOptDefVal == "" {
			return nil, "" // no flag, or one whose value all of the rest is
		}
	}
	number := strings.TrimLeft(letters[at:], "=:")
	own := len(letters[at:]) == 1 && cmd.Flags().ShorthandLookup(number) != nil
	if own || number == "" || strings.Trim(number, digits) != "" {
		return nil, ""
	}
	return last, number
}
