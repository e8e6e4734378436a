package lab

import (
	"fmt"

	"github.com/oneping/oneping/internal/advice"
)

// hinted gives advice to one who meets err: the line that would help, without "hint:".
func hinted(err error, format string, args ...any) error {
	return advice.With(err, fmt.Sprintf(format, args...))
}

// ExitError is the way a command in the lab ended, when not with 0. It is the
// command's own business: the program exits with Code and prints nothing.
type ExitError struct {
	Code int // 128 + the signal for a command that was killed by one
}

func (e *ExitError) Error() string { return fmt.Sprintf("command ended with exit code %d", e.Code) }

// NotStartedError is a command that the node could not start.
type NotStartedError struct {
	Code  int // 127: there is none of that name, 126: it is no program (POSIX, XCU 2.8.2)
	Cause error
}

func (e *NotStartedError) Error() string { return e.Cause.Error() }

// Unwrap returns the cause.
func (e *NotStartedError) Unwrap() error { return e.Cause }

// ExitCode returns Code.
func (e *ExitError) ExitCode() int { return e.Code }
