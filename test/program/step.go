package program

import (
	"regexp"
	"strings"
)

// Step is one command of a transcript, as the page shows it:
//
//	edge$ oneping device token --user bob@example.com --output bob.token    # carry bob.token to laptop
//	wrote bob.token, …
type Step struct {
	Node    string // where it is typed
	Command string // without the comment
	Prompt  string // the whole line, with the prompt
	Output  string // what the page shows below it; "…" stands for lines that are left out
	// Carry is a file of the node that somebody takes to another one when the command has ended, as
	// the comment says. Both are "" where nothing is carried.
	Carry, To string
}

var (
	prompt  = regexp.MustCompile(`^([a-z0-9-]+)\$ (.*)$`)
	carries = regexp.MustCompile(`^carry (\S+) to (?:the )?([a-z0-9-]+)`)
)

// Steps returns the commands of a transcript, a block of the language text, in their order.
func (b Block) Steps() []Step {
	var out []Step
	for line := range strings.Lines(b.Text) {
		m := prompt.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		switch {
		case m != nil:
			s := Step{Node: m[1], Prompt: m[0]}
			comment := ""
			s.Command, comment = cutComment(m[2])
			if c := carries.FindStringSubmatch(comment); c != nil {
				s.Carry, s.To = c[1], c[2]
			}
			out = append(out, s)
		case len(out) > 0:
			out[len(out)-1].Output += line
		}
	}
	for i := range out {
		out[i].Output = strings.TrimRight(out[i].Output, "\n")
		if out[i].Output != "" {
			out[i].Output += "\n"
		}
	}
	return out
}

// Shows says whether what a command printed is what the step shows: the same lines, where "…" alone
// on a line stands for any number of them.
func (s Step) Shows(printed string) bool {
	var b strings.Builder
	for line := range strings.Lines(s.Output) {
		if strings.TrimSpace(line) == "…" {
			b.WriteString(`(?:.*\n)*`)
		} else {
			b.WriteString(regexp.QuoteMeta(strings.TrimRight(line, " \n")) + ` *\n`)
		}
	}
	if printed = strings.TrimRight(printed, "\n"); printed != "" {
		printed += "\n"
	}
	return regexp.MustCompile(`^` + b.String() + `$`).MatchString(printed)
}
