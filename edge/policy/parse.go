package policy

import (
	"bytes"
	"errors"
	"io"
	"regexp"
	"strconv"

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
	dec := yaml.NewDecoder(bytes.NewReader(text))
	dec.KnownFields(true)
	switch err := dec.Decode(&p); {
	case errors.Is(err, io.EOF):
		return p, nil, Errors{{Err: bad("the document is empty", "to deny everything, write: grants: []")}}
	case err != nil:
		return p, nil, yamlErrors(err)
	}
	if err := dec.Decode(new(yaml.Node)); !errors.Is(err, io.EOF) {
		return p, nil, Errors{{Err: bad("more than one document in the file", "remove what follows the line ---")}}
	}
	return p, readLines(text), nil
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

var (
	unknownKey = regexp.MustCompile(`^line (\d+): field (\S+) not found in type model\.(\w+)$`)
	noList     = regexp.MustCompile("^line (\\d+): cannot unmarshal !!\\w+ `(.*)` into \\[\\]string$")
	anyLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
)

// yamlErrors puts the decoder's errors in our words.
func yamlErrors(err error) Errors {
	var te *yaml.TypeError
	if !errors.As(err, &te) {
		return Errors{yamlError(err.Error())}
	}
	var es Errors
	for _, text := range te.Errors {
		es = append(es, yamlError(text))
	}
	return es
}

func yamlError(text string) *Error {
	if m := unknownKey.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		known := map[string]string{
			"Policy": "groups, grants and tests", "Grant": "id, who, to and how", "PolicyTest": "who, accept and deny",
		}[m[3]]
		return &Error{Line: line, Err: bad("unknown key "+strconv.Quote(m[2]), "known here: "+known)}
	}
	if m := noList.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &Error{Line: line, Err: bad(strconv.Quote(m[2])+" stands where a list is wanted", "write a list, also of one: [icmp]")}
	}
	if m := anyLine.FindStringSubmatch(text); m != nil {
		line, _ := strconv.Atoi(m[1])
		return &Error{Line: line, Err: bad(m[2], "YAML goes by indentation, with spaces and never with tabs; every [, { and \" wants its end")}
	}
	return &Error{Err: errors.New(text)}
}

// lines knows at which line each group, grant and test stands. A nil *lines knows nothing.
type lines struct {
	groups        map[string]int
	grants, tests []int
}

func readLines(text []byte) *lines {
	at := &lines{groups: make(map[string]int)}
	var doc yaml.Node
	if yaml.Unmarshal(text, &doc) != nil || len(doc.Content) == 0 {
		return at
	}
	top := doc.Content[0].Content
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
