package lab

import "fmt"

// Error is a failure that a person can do something about.
type Error struct {
	Err  error
	Text string // the line that would help
}

func (e *Error) Error() string { return e.Err.Error() }

func (e *Error) Unwrap() error { return e.Err }

// Hint returns the line that would help, without "hint:".
func (e *Error) Hint() string { return e.Text }

func hinted(err error, format string, args ...any) error {
	return &Error{Err: err, Text: fmt.Sprintf(format, args...)}
}

// ExitError is the way a command in the lab ended, when not with 0. It is the
// command's own business: the program exits with Code and prints nothing.
type ExitError struct {
	Code int // 128 + the signal for a command that was killed by one
}

func (e *ExitError) Error() string { return fmt.Sprintf("command ended with exit code %d", e.Code) }

// ExitCode returns Code.
func (e *ExitError) ExitCode() int { return e.Code }
