package main

import (
	"bytes"
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
