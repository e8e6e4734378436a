package cmd

import (
	"fmt"
	"strings"
)

// What pages and word processors write for - and for quotes, and what nobody sees.
const (
	dashes    = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212"
	quotes    = "\u2018\u2019\u201a\u201b\u201c\u201d\u201e\u201f\u2039\u203a\u00ab\u00bb\u0060\u00b4'\""
	invisible = "\r\ufeff\u00a0\u202f\u00ad\u200b\u200c\u200d\u200e\u200f\u2060"
)

// pasted refuses the first word of a command line that was copied from a page or typed for another
// shell: it has a dash that is none, quotes that no shell has taken off, or something invisible. What
// stands behind "--" is a command of somebody else's, and words to be completed are not yet whole.
func pasted(args []string) error {
	for i, word := range args {
		if word == "--" || i == 0 && strings.HasPrefix(word, "__complete") {
			return nil
		}
		clean := plain(word)
		if clean == word {
			continue
		}
		odd := firstOdd(word, clean)
		hint := "write it as " + clean
		if clean == "" {
			hint = "leave it out"
		}
		return wrongUse(fmt.Errorf("%q has %s", word, odd), hint)
	}
	return nil
}

// plain returns a word as a person wanted to type it.
func plain(word string) string {
	word = strings.Map(func(r rune) rune {
		if strings.ContainsRune(invisible, r) {
			return -1
		}
		return r
	}, word)
	word = strings.Trim(word, quotes)
	rest := strings.TrimLeft(word, "-"+dashes)
	if rest == "" || rest == word {
		return word
	}
	name, value, given := strings.Cut(rest, "=")
	name = strings.Map(func(r rune) rune {
		if strings.ContainsRune(dashes, r) {
			return '-'
		}
		return r
	}, name)
	begins := word[:len(word)-len(rest)]
	if strings.Trim(begins, "-") != "" { // with a dash that is none: how many it was to be, its length says
		begins = "--"
		if len(name) == 1 {
			begins = "-"
		}
	}
	if given {
		return begins + name + "=" + strings.Trim(value, quotes)
	}
	return begins + name
}

// firstOdd names the first character of word that plain has taken away or changed.
func firstOdd(word, clean string) string {
	for _, r := range word {
		switch {
		case strings.ContainsRune(invisible, r):
			return fmt.Sprintf("a character that nobody sees (U+%04X)", r)
		case strings.ContainsRune(dashes, r):
			return fmt.Sprintf("a dash that is no - (%c, U+%04X), as pages and word processors write it", r, r)
		case strings.ContainsRune(quotes, r) && !strings.ContainsRune(clean, r):
			return fmt.Sprintf("a quote that no shell has taken off (%c)", r)
		}
	}
	return "a quote that no shell has taken off"
}
