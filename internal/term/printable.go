package term

import (
	"strings"
	"unicode"
)

// maxPrintable is how much is kept of one thing that a peer says, in bytes: what has room in the
// name of a host.
const maxPrintable = 253

// Printable makes a peer's words fit for lists, logs and terminals: at most 253 bytes of what one
// sees. It leaves out control characters (C0, C1), marks of direction, separators of lines, and
// whatever else is invisible or not UTF-8.
func Printable(s string) string {
	const look = 16 * maxPrintable // a peer may have megabytes to say
	if len(s) > look {
		s = s[:look]
	}
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == unicode.ReplacementChar || invisible(r) {
			return -1
		}
		return r
	}, s)
	if len(s) > maxPrintable {
		s = strings.ToValidUTF8(s[:maxPrintable], "")
	}
	return s
}

// invisible knows what counts as a letter, mark or symbol and shows nothing (Unicode's
// Default_Ignorable_Code_Point), and the blank of Braille.
func invisible(r rune) bool {
	return unicode.In(r, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector) || r == '\u2800'
}
