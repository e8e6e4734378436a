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
	"regexp"
	"strings"

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
	if errors.Is(cause, fs.ErrNotExist) || errors.Is(cause, fs.ErrPermission) {
		hint = "pass the path of a readable file"
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
		return io.ReadAll(io.LimitReader(os.Stdin, maxSize))
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }()
	return io.ReadAll(io.LimitReader(f, maxSize))
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
	dec.KnownFields(true)
	err := dec.Decode(v)
	switch {
	case errors.Is(err, io.EOF):
		return nil
	case err != nil:
		return failed(name, err, problems(err)...)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return failed(name, nil, "a second document; one file holds one")
	}
	return nil
}

// goType is how yaml names the struct it decodes into: nothing for people.
var goType = regexp.MustCompile(`field (\S+) not found in type \S+`)

func problems(err error) []string {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return []string{strings.TrimPrefix(err.Error(), "yaml: ")}
	}
	lines := make([]string, 0, len(te.Errors))
	for _, s := range te.Errors {
		lines = append(lines, goType.ReplaceAllString(s, `unknown key "$1"`))
	}
	return lines
}
