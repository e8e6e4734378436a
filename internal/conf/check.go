package conf

import (
	"cmp"
	"encoding"
	"fmt"
	"maps"
	"math"
	"net/netip"
	"reflect"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/oneping/oneping/internal/advice"
)

// maxWord is how much of a value stands in a message.
const maxWord = 64

// short cuts a value that is longer than a message can be.
func short(s string) string {
	if len(s) > maxWord {
		return strings.ToValidUTF8(s[:maxWord], "") + "…"
	}
	return s
}

// checker compares a file with the struct that it is for, before it is decoded, and says in plain words
// and with its line what does not fit: of a list of addresses yaml names neither the line nor, in
// English, the fault.
type checker struct {
	problems []string
}

func (c *checker) add(n *yaml.Node, format string, args ...any) {
	c.problems = append(c.problems, fmt.Sprintf("line %d: ", n.Line)+fmt.Sprintf(format, args...))
}

// value checks one value; key is its name for people, "" for the file itself.
func (c *checker) value(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Tag == "!!null" {
		return // "key:" with nothing behind it: left out
	}
	if isScalar(t) {
		c.scalar(n, t, key)
		return
	}
	switch t.Kind() {
	case reflect.Interface: // anything
	case reflect.Pointer:
		c.value(n, t.Elem(), key)
	case reflect.Struct, reflect.Map:
		c.mapping(n, t, key)
	case reflect.Slice:
		if n.Kind != yaml.SequenceNode {
			c.add(n, "%s: want a list, such as [%s]", key, cmp.Or(short(n.Value), "…"))
			return
		}
		for _, item := range n.Content {
			c.value(item, t.Elem(), key)
		}
	default:
		c.scalar(n, t, key)
	}
}

// mapping checks the keys of a struct, or of a map, whose keys may be any.
func (c *checker) mapping(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.MappingNode {
		if key == "" {
			c.add(n, "want lines of the form key: value")
			return
		}
		c.add(n, "%s: want lines of the form key: value below it", key)
		return
	}
	fields := map[string]reflect.Type{}
	if t.Kind() == reflect.Struct {
		fields = keys(t)
	}
	lines := make(map[string]int)
	for i := 0; i+1 < len(n.Content); i += 2 {
		name, value := n.Content[i], n.Content[i+1]
		field, known := fields[name.Value]
		if t.Kind() == reflect.Map {
			field, known = t.Elem(), true
		}
		switch first := lines[name.Value]; {
		case !known:
			c.add(name, "unknown key %q%s", short(name.Value), suggestion(name.Value, fields))
		case first > 0:
			c.add(name, "%s: it is set in line %d, too", name.Value, first)
		default:
			path := name.Value
			if key != "" {
				path = key + "." + path
			}
			c.value(value, field, path)
		}
		if lines[name.Value] == 0 {
			lines[name.Value] = name.Line
		}
	}
}

// scalar checks a single value.
func (c *checker) scalar(n *yaml.Node, t reflect.Type, key string) {
	if n.Kind != yaml.ScalarNode {
		c.add(n, "%s: want one value, not a %s", key, map[yaml.Kind]string{yaml.SequenceNode: "list", yaml.MappingNode: "group of keys"}[n.Kind])
		return
	}
	whole := t.Kind() >= reflect.Int && t.Kind() <= reflect.Uint64 && !isScalar(t)
	if (!whole || n.Tag == "!!int") && n.Decode(reflect.New(t).Interface()) == nil { // yaml takes 1.5 for 1
		return
	}
	c.add(n, "%s: %s", key, misfit(n, t))
}

// misfit says why a scalar is no t.
func misfit(n *yaml.Node, t reflect.Type) string {
	switch t {
	case reflect.TypeFor[netip.Addr]():
		return fmt.Sprintf("%q is not an address, such as 10.1.2.3 or fd00::1", short(n.Value))
	case reflect.TypeFor[netip.Prefix]():
		return fmt.Sprintf("%q is not a prefix, such as 10.0.0.0/8 or fd00::/64", short(n.Value))
	case reflect.TypeFor[Prefix]():
		_, err := ParsePrefix(short(n.Value))
		return err.Error()
	}
	switch {
	case t.Kind() == reflect.Bool:
		return fmt.Sprintf("%q is neither true nor false", short(n.Value))
	case n.Tag != "!!int":
		return fmt.Sprintf("%q is not a whole number", short(n.Value))
	case t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64:
		return fmt.Sprintf("%s is not between 0 and %d", short(n.Value), uint64(math.MaxUint64)>>(64-t.Bits()))
	}
	return fmt.Sprintf("%s is too large or too small", short(n.Value))
}

// isScalar says of a type that reads itself that it is one value, whatever it is made of.
func isScalar(t reflect.Type) bool {
	p := reflect.PointerTo(t)
	return p.Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) || p.Implements(reflect.TypeFor[yaml.Unmarshaler]())
}

// keys returns the keys of a struct in a file and what they hold.
func keys(t reflect.Type) map[string]reflect.Type {
	out := make(map[string]reflect.Type)
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("yaml"), ",")
		out[cmp.Or(name, strings.ToLower(t.Field(i).Name))] = t.Field(i).Type
	}
	return out
}

// suggestion names the key that looks like the unknown one.
func suggestion(word string, fields map[string]reflect.Type) string {
	like := advice.Nearest(strings.ReplaceAll(word, "-", "_"), slices.Collect(maps.Keys(fields)))
	if like == "" {
		return ""
	}
	return fmt.Sprintf("; did you mean %q?", like)
}
