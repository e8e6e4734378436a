// Package conf loads configuration files: strict YAML, in which an unknown key
// is an error with its line number.
package conf

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"syscall"

	"go.yaml.in/yaml/v3"

	"github.com/oneping/oneping/internal/advice"
)

// Default returns the path of a role's configuration file: /etc/oneping/ROLE.yaml.
func Default(role string) string { return filepath.Join(Dir(), role+".yaml") }

// Token returns the path where a role's service finds its token: /etc/oneping/ROLE.token.
func Token(role string) string { return filepath.Join(Dir(), role+".token") }

// Find returns Default(role) where there is such a file, else "". Where
// $ONEPING_STATE_DIR names another place for a node's state (the lab sets it in
// each of its nodes), this host's files are not that node's: "" too.
func Find(role string) string {
	if os.Getenv("ONEPING_STATE_DIR") != "" {
		return ""
	}
	if _, err := os.Stat(Default(role)); err != nil {
		return ""
	}
	return Default(role)
}

// maxSize bounds a file, in bytes.
const maxSize = 1 << 20

// failed says what is wrong with a file, in one line for each problem ("line N: …" where the line
// is known).
func failed(path string, cause error, problems ...string) error {
	text := "read " + path + ": " + problems[0]
	if len(problems) > 1 {
		text = "read " + path + ":\n  " + strings.Join(problems, "\n  ")
	}
	hint := "correct the file; unknown keys are errors so that a typing mistake is never ignored"
	switch {
	case errors.Is(cause, fs.ErrNotExist), errors.Is(cause, fs.ErrPermission), errors.Is(cause, syscall.EISDIR):
		hint = "pass the path of a readable file"
	case errors.Is(cause, errTooLong):
		hint = "is that a configuration file? Nothing of it was used"
	}
	return &advice.Error{Text: text, Advice: hint, Cause: cause}
}

// Load reads the file path into v, a pointer to a struct with yaml tags. An
// empty file changes nothing. "-" is standard input.
func Load(path string, v any) error {
	b, err := read(path)
	if err != nil {
		return failed(path, err, cause(err))
	}
	return Parse(path, b, v)
}

func read(path string) ([]byte, error) {
	if path == "-" {
		return readAll(os.Stdin)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return readAll(f)
}

// errTooLong is a file that is refused, not cut: what would be cut off might be a denial.
var errTooLong = errors.New("it is longer than 1 MiB")

func readAll(r io.Reader) ([]byte, error) {
	b, err := io.ReadAll(io.LimitReader(r, maxSize+1))
	if err == nil && len(b) > maxSize {
		return nil, errTooLong
	}
	return b, err
}

// cause drops "open PATH:", which the error says already.
func cause(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// Parse is Load for bytes that were read already; name stands in errors.
func Parse(name string, b []byte, v any) error {
	dec := yaml.NewDecoder(bytes.NewReader(b))
	var doc yaml.Node
	err := dec.Decode(&doc)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return failed(name, err, inWords(err))
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return failed(name, nil, "a second document; one file holds one")
	}
	var c checker
	for _, n := range doc.Content {
		c.value(n, reflect.TypeOf(v).Elem(), "")
	}
	if len(c.problems) > 0 {
		return failed(name, nil, c.problems...)
	}
	if err := doc.Decode(v); err != nil { // the checker has missed something
		return failed(name, err, inWords(err))
	}
	return nil
}

// inWords returns what the parser of yaml says, in words that say what to look for.
func inWords(err error) string {
	text := strings.TrimPrefix(err.Error(), "yaml: ")
	for _, w := range [][2]string{
		{"found character that cannot start any token", "a value begins with a character that YAML keeps for itself (a tab, @, `, %): put the value into quotes, and indent with spaces"},
		{"found a tab character that violates indentation", "indent with spaces, not with a tab"},
		{"mapping values are not allowed in this context", "a colon where none may be: is the line above indented as this one, and is a value with a colon in quotes?"},
		{"could not find expected ':'", "a key without a colon behind it"},
		{"did not find expected node content", "a value is missing"},
		{"did not find expected ',' or ']'", "a list that is not closed: ',' or ']' is missing"},
		{"did not find expected ',' or '}'", "a group that is not closed: ',' or '}' is missing"},
		{"did not find expected key", "the line is not indented as those around it, or is no key: value"},
		{"did not find expected '-' indicator", "the line is not indented as the list around it"},
		{"found unexpected end of stream", "the file ends within quotes"},
		{"control characters are not allowed", "a control character: is this a text file?"},
		{"invalid leading UTF-8 octet", "not UTF-8: save the file as UTF-8 text"},
	} {
		if before, ok := strings.CutSuffix(text, w[0]); ok {
			return before + w[1]
		}
	}
	return text
}
