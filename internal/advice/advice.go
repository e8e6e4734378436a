// Package advice is the one error with a hint. An error that reaches a person says what failed in
// its text (lower case, no full stop) and, beside it, what that person can do: one line, best a
// command to type. The command line prints it below the error as "hint: …", a log has it in the
// field "hint", and the local socket carries it.
//
// Whoever knows what to do about a failure makes an *Error, or gives advice to one with With.
// Errors on top of it are made with fmt.Errorf and %w as usual: Of finds the advice again.
//
// What does not belong here: a type that somebody branches on. It stands where it is made and wraps
// an *Error, so that there is no second field for the same thing.
package advice

// Error is a failure with a hint for the person who sees it.
type Error struct {
	Text   string // what failed: "verb object: cause"
	Advice string // what to do about it, one line; "" where nobody knows
	Cause  error  // what errors.Is and errors.As go on with; may be nil
}

// Error returns the text, without the advice.
func (e *Error) Error() string { return e.Text }

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Cause }

// With returns err with its own text and the advice of one who knows what to do about it.
func With(err error, advice string) error {
	return &Error{Text: err.Error(), Advice: advice, Cause: err}
}

// Of returns the outermost advice in err and in what it wraps, depth first as errors.As goes; ""
// where there is none.
func Of(err error) string {
	if e, ok := err.(*Error); ok && e.Advice != "" {
		return e.Advice
	}
	switch u := err.(type) {
	case interface{ Unwrap() error }:
		return Of(u.Unwrap())
	case interface{ Unwrap() []error }:
		for _, err := range u.Unwrap() {
			if a := Of(err); a != "" {
				return a
			}
		}
	}
	return ""
}
