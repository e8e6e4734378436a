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

// ExitCode returns Code.
func (e *ExitError) ExitCode() int { return e.Code }
