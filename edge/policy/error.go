package policy

import (
	"fmt"
	"strings"
)

// Error is one mistake in a policy document.
type Error struct {
	Line int    // in the YAML text; 0 = unknown
	At   string // where: "grant eng-lab: who", "group eng"
	Err  error  // what is wrong, with advice
}

// Error says where the mistake is and what is wrong.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d: ", e.Line)
	}
	if e.At != "" {
		b.WriteString(e.At + ": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

// Unwrap returns what is wrong, without the place.
func (e *Error) Unwrap() error { return e.Err }

// Errors are all the mistakes of a document, one a line.
type Errors []*Error

func (es Errors) Error() string {
	lines := make([]string, len(es))
	for i, e := range es {
		lines[i] = e.Error()
	}
	return "read policy: " + strings.Join(lines, "\n  ")
}

// Unwrap returns the mistakes: the first that has advice gives it for all.
func (es Errors) Unwrap() []error {
	errs := make([]error, len(es))
	for i, e := range es {
		errs[i] = e
	}
	return errs
}

// err returns es as an error, nil where there is none.
func (es Errors) err() error {
	if len(es) == 0 {
		return nil
	}
	return es
}
