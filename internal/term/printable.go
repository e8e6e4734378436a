package term

import (
	"strings"
	"unicode"
)

// maxPrintable is how much is kept of one thing that a node says of itself, in bytes.
const maxPrintable = 253

// Printable makes what a node says of itself fit for lists and logs: printable, at most 253 bytes.
func Printable(s string) string {
	s = strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) || r == '\uFFFD' {
			return -1
		}
		return r
	}, s)
	if len(s) > maxPrintable {
		s = strings.ToValidUTF8(s[:maxPrintable], "")
	}
	return s
}
