package policy

import (
	"iter"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// mergeTag is what YAML calls the key <<, which takes over the keys of another mapping.
const mergeTag = "!!merge"

// checkShape looks for keys that a policy does not have, and for words where a list is wanted: a
// typing error that nobody reads would leave out a grant, or half of it. What else is wrong with
// the document the decoder says.
func checkShape(doc *yaml.Node) Errors {
	if errs := wantKind(doc, yaml.MappingNode, "the document", "it begins with groups:, grants: or tests:"); len(errs) > 0 {
		return errs
	}
	errs := checkKeys(doc, "groups, grants and tests", "groups", "grants", "tests")
	for key, value := range pairs(doc) {
		switch key.Value {
		case "groups":
			errs = append(errs, wantKind(value, yaml.MappingNode, "groups", "write groups: {eng: [alice@example.com]}")...)
			for _, users := range pairs(value) {
				errs = append(errs, wantList(users)...)
			}
		case "grants":
			errs = append(errs, wantKind(value, yaml.SequenceNode, "grants", "begin each grant with a hyphen: - {id: …, who: …, to: …, how: …}")...)
			for _, grant := range items(value) {
				errs = append(errs, checkKeys(grant, "id, who, to and how", "id", "who", "to", "how")...)
				errs = append(errs, wantLists(grant, "who", "to", "how")...)
			}
		case "tests":
			errs = append(errs, wantKind(value, yaml.SequenceNode, "tests", "begin each test with a hyphen: - {who: …, accept: …}")...)
			for _, test := range items(value) {
				errs = append(errs, checkKeys(test, "who, accept and deny", "who", "accept", "deny")...)
				errs = append(errs, wantLists(test, "accept", "deny")...)
			}
		}
	}
	slices.SortStableFunc(errs, func(a, b *Error) int { return a.Line - b.Line })
	return errs
}

// checkKeys refuses the keys of a mapping that are not known; words names those that are.
func checkKeys(n *yaml.Node, words string, known ...string) (errs Errors) {
	for key := range pairs(n) {
		if key.Kind == yaml.ScalarNode && key.Tag != mergeTag && !slices.Contains(known, key.Value) {
			errs = append(errs, &Error{Line: key.Line, Err: bad("unknown key "+strconv.Quote(key.Value), "known here: "+words)})
		}
	}
	return errs
}

// wantLists refuses a word in the place of the lists of these keys.
func wantLists(n *yaml.Node, keys ...string) (errs Errors) {
	for key, value := range pairs(n) {
		if slices.Contains(keys, key.Value) {
			errs = append(errs, wantList(value)...)
		}
	}
	return errs
}

// wantList refuses a word in the place of a list, and a pair in the place of a word of it: who types
// a space behind the colon of group:eng has a mapping.
func wantList(n *yaml.Node) (errs Errors) {
	if n = valueOf(n); n.Kind == yaml.ScalarNode && n.Tag != "!!null" {
		return Errors{{Line: n.Line, Err: bad(strconv.Quote(n.Value)+" stands where a list is wanted", "write a list, also of one: [icmp]")}}
	}
	for _, item := range items(n) {
		for key, value := range pairs(item) {
			errs = append(errs, &Error{
				Line: key.Line,
				Err:  bad(strconv.Quote(key.Value+": "+value.Value)+" stands where a word is wanted", "write it without the space: "+key.Value+":"+value.Value),
			})
		}
	}
	return errs
}

// wantKind refuses what is neither of a kind nor empty.
func wantKind(n *yaml.Node, kind yaml.Kind, what, hint string) Errors {
	if n = valueOf(n); n.Kind == kind || n.Tag == "!!null" {
		return nil
	}
	is, wanted := "a word", "a list"
	switch n.Kind {
	case yaml.SequenceNode:
		is = "a list"
	case yaml.MappingNode:
		is = "a mapping"
	}
	if kind == yaml.MappingNode {
		wanted = "a mapping"
	}
	return Errors{{Line: n.Line, Err: bad(what+" is "+is+" and not "+wanted, hint)}}
}

// valueOf returns what an alias stands for.
func valueOf(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// pairs goes through the keys and values of a mapping, those that it takes over included; nothing
// else has any.
func pairs(n *yaml.Node) iter.Seq2[*yaml.Node, *yaml.Node] {
	return func(yield func(key, value *yaml.Node) bool) { each(valueOf(n), yield, true) }
}

func each(n *yaml.Node, yield func(key, value *yaml.Node) bool, merge bool) bool {
	if n.Kind != yaml.MappingNode {
		return true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		if key.Tag == mergeTag && merge {
			for _, from := range append(items(value), valueOf(value)) {
				if !each(from, yield, false) { // a mapping may take over itself
					return false
				}
			}
		}
		if !yield(key, value) {
			return false
		}
	}
	return true
}

// items returns the elements of a sequence; nothing else has any.
func items(n *yaml.Node) []*yaml.Node {
	if n = valueOf(n); n.Kind != yaml.SequenceNode {
		return nil
	}
	out := make([]*yaml.Node, len(n.Content))
	for i, item := range n.Content {
		out[i] = valueOf(item)
	}
	return out
}
