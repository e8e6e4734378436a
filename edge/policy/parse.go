package policy

import (
	"bytes"
	"errors"
	"io"

	"go.yaml.in/yaml/v3"

	"github.com/oneping/oneping/edge/model"
)

// Parse reads a policy document in YAML, strictly: unknown keys and malformed
// terms are errors that name their line. Tunnels that a grant names are not looked
// up here, and tests are not run: that is Check, with what exists at that time.
func Parse(text []byte) (model.Policy, error) {
	p, at, err := decode(text)
	if err != nil {
		return model.Policy{}, err
	}
	if _, errs := compile(p, nil, at); len(errs) > 0 {
		return model.Policy{}, errs
	}
	return p, nil
}

// decode reads the YAML document, and at which lines its parts stand.
func decode(text []byte) (model.Policy, *lines, error) {
	var p model.Policy
	var doc yaml.Node
	dec := yaml.NewDecoder(bytes.NewReader(text))
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return p, nil, Errors{{Err: bad("the document is empty", "to deny everything, write: grants: []")}}
	case err != nil:
		return p, nil, yamlErrors(text, err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return p, nil, Errors{{Err: bad("more than one document in the file", "remove what follows the line ---")}}
	}
	if errs := checkShape(doc.Content[0]); len(errs) > 0 {
		return p, nil, errs
	}
	if err := doc.Decode(&p); err != nil {
		return p, nil, yamlErrors(text, err)
	}
	at := readLines(doc.Content[0])
	if errs := checkNames(p, at); len(errs) > 0 {
		return p, nil, errs
	}
	return p, at, nil
}

// Format writes p as YAML, as Parse reads it.
func Format(p model.Policy) ([]byte, error) {
	var b bytes.Buffer
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(p); err != nil {
		return nil, err
	}
	return b.Bytes(), enc.Close()
}

// lines knows at which line each group, grant and test stands. A nil *lines knows nothing.
type lines struct {
	groups        map[string]int
	grants, tests []int
}

// readLines reads the lines off the document's outermost node.
func readLines(doc *yaml.Node) *lines {
	at, top := &lines{groups: make(map[string]int)}, doc.Content
	for i := 0; i+1 < len(top); i += 2 {
		value := top[i+1]
		switch top[i].Value {
		case "groups":
			for j := 0; j+1 < len(value.Content); j += 2 {
				at.groups[value.Content[j].Value] = value.Content[j].Line
			}
		case "grants":
			for _, g := range value.Content {
				at.grants = append(at.grants, g.Line)
			}
		case "tests":
			for _, t := range value.Content {
				at.tests = append(at.tests, t.Line)
			}
		}
	}
	return at
}

func (l *lines) group(name string) int {
	if l == nil {
		return 0
	}
	return l.groups[name]
}

func (l *lines) grant(i int) int {
	if l == nil || i >= len(l.grants) {
		return 0
	}
	return l.grants[i]
}

func (l *lines) test(i int) int {
	if l == nil || i >= len(l.tests) {
		return 0
	}
	return l.tests[i]
}
