package term

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestPrintableOfEachRune goes through all of Unicode: what is left of a peer's words is seen, and
// does nothing to what stands beside it.
func TestPrintableOfEachRune(t *testing.T) {
	never := []*unicode.RangeTable{
		unicode.Cc, unicode.Cf, unicode.Cs, unicode.Co, unicode.Zl, unicode.Zp, unicode.Bidi_Control, unicode.Join_Control,
		unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector, unicode.Noncharacter_Code_Point,
	}
	for r := rune(0); r <= unicode.MaxRune; r++ {
		got := Printable("a" + string(r) + "b")
		switch {
		case unicode.In(r, never...), r == utf8.RuneError, unicode.IsSpace(r) && r != ' ':
			if got != "ab" {
				t.Fatalf("%U stays: %q", r, got)
			}
		case unicode.IsLetter(r), unicode.IsDigit(r), unicode.IsPunct(r), r == ' ':
			if got != "a"+string(r)+"b" {
				t.Fatalf("%U does not stay: %q", r, got)
			}
		}
	}
	for _, r := range "\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202e\u2060\u2066\u2069\ufeff\u00ad\u3164\u034f\x7f\u0080\u009b\ufffd" {
		if got := Printable(string(r)); got != "" {
			t.Errorf("%U stays: %q", r, got)
		}
	}
	if n := len(Printable(strings.Repeat("\u202ex", 1<<20))); n == 0 || n > maxPrintable {
		t.Errorf("%d bytes of a megabyte", n)
	}
}
