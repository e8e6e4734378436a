package main

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The closing lines say which assertion failed, without what the test has printed in between.
func TestClosingLinesNameTheAssertion(t *testing.T) {
	var out bytes.Buffer
	s := newSummary(&out, nil, false)
	for _, line := range []string{
		`{"Action":"run","Package":"p","Test":"TestA"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:7: ping: exit code 1\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"        PING 192.0.2.1\n        64 bytes\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"        9 received\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:9: ` + strings.Repeat("x", 300) + `\n"}`,
		`{"Action":"output","Package":"p","Test":"TestA","Output":"--- FAIL: TestA (0.10s)\n"}`,
		`{"Action":"fail","Package":"p","Test":"TestA","Elapsed":0.1}`,
		`{"Action":"fail","Package":"p","Elapsed":0.1}`,
	} {
		s.line([]byte(line))
	}
	s.finish()
	want := []string{
		"FAIL: p TestA (0.1s)",
		"      a_test.go:7: ping: exit code 1",
		"          9 received",
		"      a_test.go:9: " + strings.Repeat("x", saidWidth-19) + "…",
	}
	if !slices.Equal(s.detail, want) {
		t.Errorf("detail\n%s\nwant\n%s", strings.Join(s.detail, "\n"), strings.Join(want, "\n"))
	}
	if !s.failed() || s.total.failed != 1 {
		t.Errorf("%d failed, want 1", s.total.failed)
	}
}

// A test that names a program which is missing is left out. One that skips for another reason has
// failed, and so has one that names a program which is there.
func TestLeftOut(t *testing.T) {
	var out bytes.Buffer
	s := newSummary(&out, nil, false)
	skip := func(test, why string) {
		for _, line := range []string{
			`{"Action":"run","Package":"p","Test":"` + test + `"}`,
			`{"Action":"output","Package":"p","Test":"` + test + `","Output":"    a_test.go:7: ` + why + `\n"}`,
			`{"Action":"skip","Package":"p","Test":"` + test + `","Elapsed":0.1}`,
		} {
			s.line([]byte(line))
		}
	}
	skip("TestA", "missing: no-such-ping (Debian: iputils-ping), no-such-mtr (Debian: mtr-tiny)")
	skip("TestB", "missing: no-such-mtr (Debian: mtr-tiny)")
	skip("TestC", "missing: no-such-mtr (Debian: mtr-tiny)")
	skip("TestD", "missing: go (Debian: golang)")
	skip("TestE", "too tired")
	s.line([]byte(`{"Action":"pass","Package":"p","Elapsed":0.1}`))
	s.finish()
	if want := (counts{failed: 2, leftOut: 3}); s.total != want {
		t.Errorf("%+v, want %+v", s.total, want)
	}
	results := filepath.Join(t.TempDir(), "results")
	if err := s.save(results); err != nil {
		t.Fatal(err)
	}
	out.Reset()
	if err := printClosing(results, &out); !errors.Is(err, errFailed) {
		t.Errorf("closing lines: %v", err)
	}
	want := `FAIL	p	0.1s	0 passed, 2 failed, 3 left out
left out in p: what needs no-such-mtr (Debian: mtr-tiny), no-such-ping (Debian: iputils-ping)
FAIL: p TestD: skipped, but test/SKIPS does not list it
FAIL: p TestE: skipped, but test/SKIPS does not list it
0 passed, 2 failed, 0 skipped, 3 left out
`
	if out.String() != want {
		t.Errorf("closing lines\n%s\nwant\n%s", &out, want)
	}
}
