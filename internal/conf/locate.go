package conf

import (
	"errors"
	"fmt"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/oneping/oneping/internal/advice"
)

// Locate returns err, where it is a *FieldError of a setting that stands in the file path, with that
// path and the line. Other errors come back as they are; so do those of standard input, which cannot
// be read twice.
func Locate(path string, err error) error {
	field, ok := errors.AsType[*FieldError](err)
	if !ok || path == "" || path == "-" {
		return err
	}
	b, readErr := read(path)
	if readErr != nil {
		return err
	}
	var root yaml.Node
	if yaml.Unmarshal(b, &root) != nil || len(root.Content) != 1 {
		return err
	}
	n := find(root.Content[0], strings.Split(field.Field, "."))
	if n == nil {
		return err
	}
	if n.Kind == yaml.SequenceNode && field.Item > 0 && field.Item <= len(n.Content) {
		n = n.Content[field.Item-1]
	}
	return &advice.Error{
		Text:   fmt.Sprintf("read %s: line %d: %s: %v", path, n.Line, field.Field, field.Err),
		Advice: advice.Of(field.Err),
		Cause:  err,
	}
}

// find returns the value of a key, through groups of keys: where it is not in its group, the group;
// nil where that is not there either.
func find(n *yaml.Node, path []string) *yaml.Node {
	var found *yaml.Node
	for _, key := range path {
		if n.Kind == yaml.AliasNode {
			n = n.Alias
		}
		value := valueOf(n, key)
		if value == nil {
			return found
		}
		n, found = value, value
	}
	return found
}

// valueOf returns what a mapping has for a key, nil where it has nothing or is none.
func valueOf(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}
