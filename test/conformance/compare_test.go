//go:build linux

package conformance

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// diff is a field in which the rows differ.
type diff struct{ kind, field, linux, oneping string }

// result is what compareAnswers found, with what it saw.
type result struct {
	diffs []diff
	text  string // both rows' packets
}

// compareAnswers compares the answers to a probe in both rows, and row (a)'s with what
// the catalogue says.
func compareAnswers(p *probe, linux, oneping []*answer) result {
	r := result{text: fmt.Sprintf("  Linux:   %s\n  oneping: %s", show(linux), show(oneping))}
	if got := kindOf(linux); got != p.want && p.want != anyKind {
		r.diffs = append(r.diffs, diff{p.want, "what Linux answers", got, p.want})
	}
	a, b := kindOf(linux), kindOf(oneping)
	if a != b {
		r.diffs = append(r.diffs, diff{a, "kind", a, b})
		return r
	}
	for i := range linux {
		r.diffs = append(r.diffs, compareFields(linux[i], oneping[i])...)
	}
	return r
}

func compareFields(linux, oneping *answer) []diff {
	var diffs []diff
	names := []string{}
	for _, f := range slices.Concat(linux.fields, oneping.fields) {
		if !slices.Contains(names, f.name) {
			names = append(names, f.name)
		}
	}
	for _, name := range names {
		if a, b := linux.value(name), oneping.value(name); a != b {
			diffs = append(diffs, diff{linux.kind, name, a, b})
		}
	}
	return diffs
}

// kindOf names what came back: nothing, one packet, or each of several.
func kindOf(answers []*answer) string {
	if len(answers) == 0 {
		return silent
	}
	var all []string
	for _, a := range answers {
		all = append(all, a.kind)
	}
	return strings.Join(all, " and ")
}

func show(answers []*answer) string {
	if len(answers) == 0 {
		return silent
	}
	var all []string
	for _, a := range answers {
		all = append(all, a.String())
	}
	return strings.Join(all, "\n           ")
}

// uses counts how often each entry of the table explained a difference.
var uses = struct {
	sync.Mutex
	by map[string]int
}{by: map[string]int{}}

func (d *difference) name() string { return d.kind + ": " + d.field }

// explain looks for the entry of the table that a difference is.
func explain(p *probe, found diff) bool {
	for i := range differences {
		d := &differences[i]
		if d.kind == found.kind && d.field == found.field && d.is(p, found.linux, found.oneping) {
			uses.Lock()
			uses.by[d.name()]++
			uses.Unlock()
			return true
		}
	}
	return false
}

// unexplained returns what is wrong with a row of the catalogue, or "".
func unexplained(p *probe, r result) string {
	var lines []string
	for _, d := range r.diffs {
		if !explain(p, d) {
			lines = append(lines, fmt.Sprintf("%s: %s: Linux %s, oneping %s", d.kind, d.field, d.linux, d.oneping))
		}
	}
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n" + r.text
}
