package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os/exec"
	"regexp"
	"slices"
	"sort"
	"strings"
	"sync"
	"time"
)

const module = "github.com/oneping/oneping/"

// event is one line of `go test -json` (go doc test2json).
type event struct {
	Action     string
	Package    string
	ImportPath string // of build-output
	Test       string
	Output     string
	Elapsed    float64
}

// run is one test, or one package where Test is empty, that has not ended yet.
type run struct {
	output []string
}

// What the closing lines repeat of a failed test.
const (
	saidLines = 10
	saidWidth = 200
)

// message is the first line of what a test says: "    file_test.go:7: text".
var message = regexp.MustCompile(`^ +\w+_test\.go:\d+: `)

// said returns the first and the last line of each of a test's messages: with only the end of a long output
// at hand one still sees which assertion failed.
func (r *run) said() []string {
	if r == nil {
		return nil
	}
	var lines []string
	first := false // the last of lines opens its message
	for _, line := range strings.Split(strings.Join(r.output, ""), "\n") {
		line = "  " + strings.TrimRight(line, " \r")
		if cut := []rune(line); len(cut) > saidWidth {
			line = string(cut[:saidWidth]) + "…"
		}
		switch {
		case message.MatchString(line):
			lines, first = append(lines, line), true
		case len(lines) == 0 || !strings.HasPrefix(line, "        "): // not within a message
		case first:
			lines, first = append(lines, line), false
		default:
			lines[len(lines)-1] = line
		}
	}
	return lines[:min(len(lines), saidLines)]
}

// missing is what a test says that is left out for want of programs (test/program.Needs).
var missing = regexp.MustCompile(`(?m)^ +\w+\.go:\d+: missing: (.+)$`)

// wants returns the programs, each with its package, for want of which a test has been left out: ""
// if it skipped for another reason, or if a program that it names is there.
func (r *run) wants() string {
	if r == nil {
		return ""
	}
	m := missing.FindStringSubmatch(strings.Join(r.output, ""))
	if m == nil {
		return ""
	}
	for _, what := range strings.Split(m[1], ", ") {
		name, _, _ := strings.Cut(what, " ")
		if _, err := exec.LookPath(name); err == nil {
			return ""
		}
	}
	return m[1]
}

type counts struct{ passed, failed, skipped, leftOut int }

// ended is how many tests have ended, in any way.
func (c counts) ended() int { return c.passed + c.failed + c.skipped + c.leftOut }

func (c *counts) add(o counts) {
	c.passed += o.passed
	c.failed += o.failed
	c.skipped += o.skipped
	c.leftOut += o.leftOut
}

// summary turns events into progress and counts.
type summary struct {
	out     io.Writer
	allowed map[string]bool
	verbose bool

	mu       sync.Mutex
	running  map[string]*run    // by package + " " + test
	packages map[string]*counts // of tests that have ended
	total    counts
	lines    []string                   // closing lines, one a package
	detail   []string                   // what failed, or was skipped without leave
	wanted   map[string]map[string]bool // programs for want of which tests were left out, by package
}

func newSummary(out io.Writer, allowed map[string]bool, verbose bool) *summary {
	return &summary{out: out, allowed: allowed, verbose: verbose, running: make(map[string]*run), packages: make(map[string]*counts), wanted: make(map[string]map[string]bool)}
}

// line takes one line of input; what is not JSON is shown as it is.
func (s *summary) line(b []byte) {
	var e event
	if json.Unmarshal(b, &e) != nil || e.Action == "" {
		fmt.Fprintf(s.out, "%s\n", b)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := name(e.Package) + " " + e.Test
	switch e.Action {
	case "start", "run":
		s.running[key] = &run{}
	case "output":
		s.keep(key, e)
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.packageEnded(e)
		} else {
			s.testEnded(key, e)
		}
	}
}

func (s *summary) keep(key string, e event) {
	r := s.running[key]
	if r == nil {
		r = &run{}
		s.running[key] = r
	}
	if len(r.output) < 2000 {
		r.output = append(r.output, e.Output)
	}
}

// name is a package's path in the module: what test/SKIPS and people call it.
func name(pkg string) string { return strings.TrimPrefix(pkg, module) }

func (s *summary) counts(pkg string) *counts {
	c := s.packages[pkg]
	if c == nil {
		c = &counts{}
		s.packages[pkg] = c
	}
	return c
}

func (s *summary) testEnded(key string, e event) {
	r := s.running[key]
	delete(s.running, key)
	c := s.counts(e.Package)
	seed := strings.HasPrefix(e.Test, "Fuzz") && strings.Contains(e.Test, "/")
	switch {
	case e.Action == "pass" && seed: // a seed of a fuzz target is counted with its target
	case e.Action == "pass":
		c.passed++
	case e.Action == "fail":
		c.failed++
		s.detail = append(s.detail, fmt.Sprintf("FAIL: %s (%.1fs)", key, e.Elapsed))
		s.detail = append(s.detail, r.said()...)
		s.show(r)
	case s.mayskip(name(e.Package), e.Test):
		c.skipped++
	case r.wants() != "":
		c.leftOut++
		s.want(name(e.Package), r.wants())
	default:
		c.failed++
		s.detail = append(s.detail, "FAIL: "+key+": skipped, but test/SKIPS does not list it")
		s.show(r)
	}
	if s.verbose && (!strings.Contains(e.Test, "/") || e.Elapsed >= 1) {
		fmt.Fprintf(s.out, "  %-4s %6.1fs  %s\n", e.Action, e.Elapsed, e.Test)
	}
}

// want notes for want of which programs a test of a package was left out.
func (s *summary) want(pkg, programs string) {
	if s.wanted[pkg] == nil {
		s.wanted[pkg] = make(map[string]bool)
	}
	for _, p := range strings.Split(programs, ", ") {
		s.wanted[pkg][p] = true
	}
}

// mayskip says whether the skips file lists the test or a test above it.
func (s *summary) mayskip(pkg, test string) bool {
	for {
		if s.allowed[pkg+" "+test] {
			return true
		}
		cut := strings.LastIndexByte(test, '/')
		if cut < 0 {
			return false
		}
		test = test[:cut]
	}
}

func (s *summary) show(r *run) {
	if r != nil {
		fmt.Fprint(s.out, strings.Join(r.output, ""))
	}
}

// packageEnded counts a package's end. A package may fail without any test of it having
// failed: it does not build, or its process died, and then takes the tests that were running with it.
func (s *summary) packageEnded(e event) {
	pkg, c := name(e.Package), s.counts(e.Package)
	own := s.running[pkg+" "]
	delete(s.running, pkg+" ")
	if e.Action == "skip" { // no test files
		return
	}
	if e.Action == "fail" {
		s.show(own)
		for key, r := range s.running {
			if strings.HasPrefix(key, pkg+" ") {
				delete(s.running, key)
				c.failed++
				s.detail = append(s.detail, "FAIL: "+key+": it was running when the package ended")
				s.show(r)
			}
		}
		if c.failed == 0 {
			c.failed = 1
			s.detail = append(s.detail, "FAIL: "+pkg)
		}
	}
	state := "ok  "
	if c.failed > 0 {
		state = "FAIL"
	}
	line := fmt.Sprintf("%s\t%s\t%.1fs\t%d passed", state, pkg, e.Elapsed, c.passed)
	if c.failed > 0 {
		line += fmt.Sprintf(", %d failed", c.failed)
	}
	if c.skipped > 0 {
		line += fmt.Sprintf(", %d skipped", c.skipped)
	}
	if c.leftOut > 0 {
		line += fmt.Sprintf(", %d left out", c.leftOut)
	}
	if c.ended() == 0 {
		return
	}
	fmt.Fprintln(s.out, line)
	s.lines = append(s.lines, line)
	s.total.add(*c)
	delete(s.packages, e.Package)
}

// finish counts what never ended: the stream of events was cut off.
func (s *summary) finish() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for key, r := range s.running {
		s.total.failed++
		s.detail = append(s.detail, "FAIL: "+key+": it never ended")
		s.show(r)
	}
	for _, c := range s.packages {
		s.total.add(*c)
	}
}

func (s *summary) failed() bool { return s.total.failed > 0 }

// reportRunning says every so often what is being waited for, until stop is called.
func (s *summary) reportRunning(every time.Duration) (stop func()) {
	ticker, done := time.NewTicker(every), make(chan struct{})
	start := time.Now()
	go func() {
		for {
			select {
			case <-ticker.C:
				s.mu.Lock()
				keys := make([]string, 0, len(s.running))
				for key := range s.running {
					keys = append(keys, strings.TrimSuffix(key, " "))
				}
				sort.Strings(keys)
				if len(keys) > 4 {
					keys = append(keys[:4], fmt.Sprintf("and %d more", len(keys)-4))
				}
				if len(keys) == 0 {
					keys = []string{"compiling"}
				}
				fmt.Fprintf(s.out, "  … %v: %s\n", time.Since(start).Round(time.Second), strings.Join(keys, ", "))
				s.mu.Unlock()
			case <-done:
				return
			}
		}
	}()
	return func() { ticker.Stop(); close(done) }
}

func (s *summary) save(file string) error {
	sort.Strings(s.lines)
	r := record{counts: s.total, line: strings.Join(s.lines, "\n"), detail: s.detail}
	for _, pkg := range slices.Sorted(maps.Keys(s.wanted)) {
		programs := slices.Sorted(maps.Keys(s.wanted[pkg]))
		r.leftOutLines = append(r.leftOutLines, fmt.Sprintf("left out in %s: what needs %s", pkg, strings.Join(programs, ", ")))
	}
	return r.save(file)
}
