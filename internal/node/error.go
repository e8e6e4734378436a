package node

import "github.com/oneping/oneping/proto"

// Error is an error with a hint for the person who sees it.
type Error struct {
	Code   proto.Code // of a refusal by the edge, else 0
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

// Refused says that the edge itself said no: repeating changes nothing.
func (e *Error) Refused() bool { return e.Code != proto.CodeOK }
