package term

import (
	"io"
	"os"
	"strings"
	"unicode/utf8"
)

// The colours of states: SGR sequences (ECMA-48 §8.3.117). They mark the words of a Table, and Print
// leaves them out where nobody sees them. No word of a stranger has an escape in it (Printable).
const (
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	red    = "\x1b[31m"
	normal = "\x1b[m"
)

// Good marks the state of something that works.
func Good(word string) string { return green + word + normal }

// Warn marks the state of something to look at.
func Warn(word string) string { return yellow + word + normal }

// Bad marks the state of something that does not work.
func Bad(word string) string { return red + word + normal }

// plain returns a text without what Good, Warn and Bad add.
func plain(text string) string {
	if !strings.Contains(text, "\x1b") {
		return text
	}
	return strings.NewReplacer(green, "", yellow, "", red, "", normal, "").Replace(text)
}

// seen returns how many characters of a text are seen.
func seen(text string) int { return utf8.RuneCountInString(plain(text)) }

// coloured says whether who reads w wants colours and sees them: a terminal that can, without
// NO_COLOR (no-color.org).
func coloured(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && os.Getenv("NO_COLOR") == "" && IsTerminal(f) && paints(f, os.Getenv("TERM"))
}
