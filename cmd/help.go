package cmd

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/term"
)

const (
	// helpWidth is how wide a help text is for who does not read it on a terminal.
	helpWidth = 80
	// widest is how wide it gets on any: nobody reads longer lines.
	widest = 100
	// narrowest is how narrow: below, lines are broken by the terminal.
	narrowest = 40
)

// showHelp prints the help of a command within the width of the terminal that it is read on.
func showHelp(c *cobra.Command, _ []string) {
	width := cmp.Or(term.Columns(c.OutOrStdout()), helpWidth)
	_, _ = io.WriteString(c.OutOrStdout(), helpText(c, min(max(width, narrowest), widest)))
}

// helpText is the help of a command. No line is wider than width but those that are to be copied.
func helpText(c *cobra.Command, width int) string {
	root := c.Root()
	root.SetUsageTemplate(strings.ReplaceAll(new(cobra.Command).UsageTemplate(), "Flags.FlagUsages", fmt.Sprintf("Flags.FlagUsagesWrapped %d", width)))
	var b strings.Builder
	if text := strings.TrimSpace(cmp.Or(c.Long, c.Short)); text != "" {
		b.WriteString(term.Fill(text, width) + "\n\n")
	}
	if !c.Runnable() && !c.HasSubCommands() {
		return b.String()
	}
	examples := false
	for line := range strings.Lines(c.UsageString()) {
		line = strings.TrimRight(line, "\n")
		switch {
		case line == "Examples:":
			examples = true
		case line == "":
			examples = false
		}
		if examples {
			b.WriteString(line + "\n")
			continue
		}
		b.WriteString(hang(line, width) + "\n")
	}
	return b.String()
}

// hang wraps a line at width, where it has words to part. What goes on below stands under the second
// of two columns, or else a little further in than the line.
func hang(line string, width int) string {
	text := strings.TrimLeft(line, " ")
	in := len(line) - len(text)
	if i := strings.Index(text, "  "); i > 0 {
		second := strings.TrimLeft(text[i:], " ")
		in += len(text) - len(second)
		text = second
	}
	lines := term.Wrap(text, width-in)
	first := line[:len(line)-len(text)]
	if in > 0 && in < 8 { // no column
		in += 4
	}
	return first + strings.Join(lines, "\n"+strings.Repeat(" ", in))
}
