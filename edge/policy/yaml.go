package policy

import (
	"bytes"
	"errors"
	"regexp"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// yamlErrors puts the decoder's errors about text in our words.
func yamlErrors(text []byte, err error) Errors {
	te, ok := errors.AsType[*yaml.TypeError](err)
	if !ok {
		if e := bareMark(text); e != nil {
			return Errors{e}
		}
		return Errors{yamlError(err.Error())}
	}
	var es Errors
	for _, text := range te.Errors {
		es = append(es, yamlError(text))
	}
	return es
}

const yamlHint = "YAML goes by indentation, with spaces and never with tabs; every [, { and \" wants its end"

// yamlError reads the line off what the decoder says, "yaml: line N: …" or "line N: …".
func yamlError(text string) *Error {
	text = strings.TrimPrefix(text, "yaml: ")
	rest, placed := strings.CutPrefix(text, "line ")
	number, what, ok := strings.Cut(rest, ": ")
	line, err := strconv.Atoi(number)
	if !placed || !ok || err != nil {
		return &Error{Err: bad(text, yamlHint)}
	}
	return &Error{Line: line, Err: bad(what, yamlHint)}
}

// bareMark finds the first word that begins with a mark of YAML, in a document that is none: * (an
// alias), & (an anchor), and what begins no word at all. The decoder says neither which nor where.
func bareMark(text []byte) *Error {
	words := regexp.MustCompile("(?:^|[\\[{,]|[-:?] )\\s*([*&@%`][^\\s,\\]}]*)")
	quotes := regexp.MustCompile(`"(?:[^"\\]|\\.)*"|'[^']*'|(?:^|\s)#.*`)
	for i, line := range bytes.Split(text, []byte("\n")) {
		m := words.FindSubmatch(quotes.ReplaceAll(line, []byte(`""`)))
		if m == nil {
			continue
		}
		word := string(m[1])
		hint := "write it in quotes: " + strconv.Quote(word)
		if word == "*" {
			hint = `everything and everybody is "*", in quotes: YAML takes a bare * for an alias`
		}
		return &Error{Line: i + 1, Err: bad("a bare "+word+" is no word in YAML", hint)}
	}
	return nil
}
