package policy

import (
	"fmt"
	"strings"
)

// Error is one mistake in a policy document.
type Error struct {
	Line int    // in the YAML text; 0 = unknown
	At   string // where: "grant eng-lab: who", "group eng"
	Text string
	hint string
}

func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.At != "" {
		b.WriteString(e.At + ": ")
	}
	b.WriteString(e.Text)
	return b.String()
}

// Hint says how to put it right.
func (e *Error) Hint() string { return e.hint }

// Errors are all the mistakes of a document, one a line.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return "read policy: " + strings.Join(lines, "\n  ")
}

// Hint returns the first hint.
func (es Errors) Hint() string {
	for _, e := range es {
		if e.hint != "" {
			return e.hint
		}
	}
	return ""
}

// err returns es as an error, nil where there is none.
func (es Errors) err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}
