package test

import (
	"fmt"
	"go/ast"
	"os"
	"regexp"
	"strings"
	"testing"
)

const rfcTable = "conformance/RFC.md"

var testName = regexp.MustCompile("`(Test[A-Za-z0-9]+)`")

// TestRFCTable: the table of RFC requirements leaves none out, gives each a verdict, and
// names tests that exist.
func TestRFCTable(t *testing.T) {
	text, err := os.ReadFile(rfcTable)
	if err != nil {
		t.Fatal(err)
	}
	exists := map[string]bool{}
	for _, s := range sources(t) {
		for _, d := range s.file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && s.isTest() && f.Recv == nil {
				exists[f.Name.Name] = true
			}
		}
	}
	rows := map[string]string{}
	for section := range strings.SplitSeq(string(text), "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		rfc, _, _ := strings.Cut(title, ":")
		for line := range strings.Lines(body) {
			cells := strings.Split(line, "|")
			if len(cells) != 5 || strings.HasPrefix(cells[1], "---") || strings.TrimSpace(cells[1]) == "requirement" {
				continue
			}
			name, _, _ := strings.Cut(strings.TrimSpace(cells[1]), ":")
			checkRequirement(t, rfc+" "+name, strings.TrimSpace(cells[2]), cells[3], exists)
			rows[rfc+" "+name] = cells[2]
		}
	}
	for _, want := range requirements() {
		if rows[want] == "" {
			t.Errorf("%s: %s is missing", rfcTable, want)
		}
		delete(rows, want)
	}
	for name := range rows {
		t.Errorf("%s: %s is not asked for", rfcTable, name)
	}
}

func checkRequirement(t *testing.T, name, verdict, tests string, exists map[string]bool) {
	t.Helper()
	named := testName.FindAllStringSubmatch(tests, -1)
	switch {
	case strings.HasPrefix(verdict, "met"), strings.HasPrefix(verdict, "deviates"):
		if len(named) == 0 {
			t.Errorf("%s: %s names no test", rfcTable, name)
		}
	case strings.HasPrefix(verdict, "n/a:"):
	default:
		t.Errorf("%s: %s has no verdict: %s", rfcTable, name, verdict)
	}
	if strings.HasPrefix(verdict, "deviates") && len(verdict) < 40 {
		t.Errorf("%s: %s deviates without a reason", rfcTable, name)
	}
	for _, m := range named {
		if !exists[m[1]] {
			t.Errorf("%s: %s names %s, which does not exist", rfcTable, name, m[1])
		}
	}
}

// requirements are all that the table must go through.
func requirements() []string {
	var all []string
	for _, r := range []struct {
		name, format string
		n            int
	}{{"RFC 5508", "REQ-%d", 11}, {"RFC 4787", "REQ-%d", 14}, {"RFC 5382", "REQ-%d", 10}, {"RFC 1812 §4.3.2", "4.3.2.%d", 8}, {"RFC 1812 §5.3.13", "5.3.13.%d", 6}, {"RFC 8200 §4", "4.%d", 7}, {"RFC 4443 §3", "3.%d", 4}} {
		for i := range r.n {
			all = append(all, r.name+" "+fmt.Sprintf(r.format, i+1))
		}
	}
	for rfc, sections := range map[string][]string{
		"RFC 4884": {"3", "4", "5.5", "7"},
		"RFC 9293": {"3.6.1", "3.8.3", "3.8.4", "3.8.5", "3.9.2", "3.10.7"},
		"RFC 3168": {"5.3", "6.1"},
	} {
		for _, section := range sections {
			all = append(all, rfc+" "+section)
		}
	}
	for _, letter := range "abcdef" {
		all = append(all, "RFC 4443 §2.4 2.4"+string(letter))
	}
	return all
}
