package term

import (
	"fmt"
	"io"
	"os"

	"golang.org/x/term"
)

// IsTerminal says whether a person sees what is written to f, or types what is read from it.
func IsTerminal(f *os.File) bool { return term.IsTerminal(int(f.Fd())) }

// Columns returns how many characters a line of w has; 0 where it is no terminal.
func Columns(w io.Writer) int {
	f, ok := w.(*os.File)
	if !ok {
		return 0
	}
	columns, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return 0
	}
	return max(columns, 0)
}

// Raw makes the terminal f pass on each key as it is typed, without echo, until restore is called.
func Raw(f *os.File) (restore func(), err error) {
	old, err := term.MakeRaw(int(f.Fd()))
	if err != nil {
		return nil, fmt.Errorf("set terminal raw: %w", err)
	}
	return func() { _ = term.Restore(int(f.Fd()), old) }, nil
}
