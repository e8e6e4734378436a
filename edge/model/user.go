package model

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/oneping/oneping/internal/advice"
)

// maxName is how long the name of a user, group or grant may be, in bytes: an e-mail address
// (RFC 5321 §4.5.3.1.3).
const maxName = 254

const adviceUser = "write it as alice@example.com"

// FoldUser returns a user's name as it is compared: case does not matter, as it does not in the
// mail addresses that most of them are.
func FoldUser(s string) string { return strings.ToLower(s) }

// CheckUser refuses what cannot be a user's name. Tokens, groups, grants and tests keep to it: what
// one of them can name, all can.
func CheckUser(s string) error {
	kind, _, prefixed := strings.Cut(s, ":")
	switch {
	case s == "":
		return &advice.Error{Text: "no user named", Advice: adviceUser}
	case strings.ContainsFunc(s, unicode.IsSpace):
		return &advice.Error{Text: fmt.Sprintf("user %s has a space", shown(s)), Advice: adviceUser}
	case s == "*":
		return &advice.Error{Text: `"*" is everybody, and not a user`, Advice: adviceUser}
	case prefixed && (kind == "user" || kind == "group" || kind == "device"):
		return &advice.Error{Text: fmt.Sprintf("%s is a term of a policy, and not a user", shown(s)), Advice: adviceUser}
	case strings.ContainsAny(s, ":,*"):
		return &advice.Error{Text: fmt.Sprintf("user %s has one of : , *, which policies give a meaning", shown(s)), Advice: adviceUser}
	}
	return CheckName("user", s)
}

// CheckName refuses a name that is empty, longer than 254 bytes or not printable; kind says of
// what it is.
func CheckName(kind, s string) error {
	switch {
	case s == "":
		return &advice.Error{Text: "a " + kind + " has no name"}
	case len(s) > maxName:
		return &advice.Error{Text: fmt.Sprintf("%s %s has %d bytes, %d are allowed", kind, shown(s), len(s), maxName), Advice: "choose a shorter name"}
	case strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsPrint(r) || r == unicode.ReplacementChar }):
		return &advice.Error{Text: fmt.Sprintf("%s %s has characters that cannot be printed", kind, shown(s)), Advice: "is it copied from somewhere? Type it"}
	}
	return nil
}

// shown quotes a name for a message: nothing in it reaches a terminal as it is.
func shown(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(strings.ToValidUTF8(s[:most], "")) + "…"
	}
	return strconv.Quote(s)
}
