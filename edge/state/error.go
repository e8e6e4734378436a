package state

import "errors"

// ErrNotFound is found (errors.Is) in the error about a tunnel, route, device or token that does not exist.
var ErrNotFound = errors.New("not found")

// Error is a refused change, with a hint for the person who asked for it.
type Error struct {
	Text   string
	Advice string
	Cause  error
}

// Error returns the text, without the hint.
func (e *Error) Error() string { return e.Text }

// Hint returns what to do about it, or "".
func (e *Error) Hint() string { return e.Advice }

// Unwrap returns the cause, which may be nil.
func (e *Error) Unwrap() error { return e.Cause }

func notFound(what, list string) error {
	return &Error{Text: what + " does not exist", Advice: "list them: oneping " + list, Cause: ErrNotFound}
}
