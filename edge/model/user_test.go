package model

import (
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
)

func TestCheckUser(t *testing.T) {
	for s, want := range map[string]string{
		"alice":                     "",
		"alice@example.com":         "",
		"Alice@Example.com":         "", // folded
		"jörg.o'neil+x@example.com": "",
		`CORP\alice`:                "",
		strings.Repeat("x", 254):    "",
		"":                          "no user named",
		" ":                         `user " " has a space`,
		"alice ":                    `user "alice " has a space`,
		"alice smith":               `user "alice smith" has a space`,
		"a\nb":                      `user "a\nb" has a space`,
		"a\u00a0b":                  `user "a\u00a0b" has a space`,
		"a\x1b[31mb":                `user "a\x1b[31mb" has characters that cannot be printed`,
		"a\u009bb":                  `user "a\u009bb" has characters that cannot be printed`,
		"a\u202eb":                  `user "a\u202eb" has characters that cannot be printed`,
		"a\u200bb":                  `user "a\u200bb" has characters that cannot be printed`,
		"a\xffb":                    `user "a\xffb" has characters that cannot be printed`,
		"*":                         `"*" is everybody, and not a user`,
		"group:eng":                 `"group:eng" is a term of a policy, and not a user`,
		"user:alice":                `"user:alice" is a term of a policy, and not a user`,
		"device:7eomumncjjvqtcof":   `"device:7eomumncjjvqtcof" is a term of a policy, and not a user`,
		"a:b":                       `user "a:b" has one of : , *, which policies give a meaning`,
		"alice,bob":                 `user "alice,bob" has one of : , *, which policies give a meaning`,
		"*@example.com":             `user "*@example.com" has one of : , *, which policies give a meaning`,
		strings.Repeat("x", 255):    `user "` + strings.Repeat("x", 64) + `"… has 255 bytes, 254 are allowed`,
	} {
		err := CheckUser(s)
		switch {
		case want == "" && err != nil, want != "" && (err == nil || err.Error() != want):
			t.Errorf("%q: %v, want %q", s, err, want)
		case err != nil && advice.Of(err) == "":
			t.Errorf("%q: no hint with %v", s, err)
		}
	}
	if got := FoldUser("Alice@Example.COM"); got != "alice@example.com" {
		t.Errorf("folded: %q", got)
	}
}

func TestCheckName(t *testing.T) {
	for s, want := range map[string]string{
		"eng lab": "", "": "a grant has no name", "a\tb": `grant "a\tb" has characters that cannot be printed`,
	} {
		if err := CheckName("grant", s); (err == nil) != (want == "") || err != nil && err.Error() != want {
			t.Errorf("%q: %v, want %q", s, err, want)
		}
	}
}
