// Command testsum reads the output of `go test -json` (or test2json) from
// standard input, shows progress, and adds what it saw to a results file.
//
//	go test -json ./... | testsum -results FILE -skips test/SKIPS [-v]
//	testsum -check NAME -results FILE -- CMD…   runs CMD, one check that passes or fails
//	testsum -print -results FILE                the closing lines; exit status 1 unless everything passed
//
// A test that skips itself fails the run unless the skips file lists it, or it has named a program that
// is missing: then it is left out, and counted as such.
package main

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

func main() {
	results := flag.String("results", "", "file that collects results")
	skips := flag.String("skips", "", "file that lists tests which may skip")
	verbose := flag.Bool("v", false, "show each test, not only each package")
	check := flag.String("check", "", "run the command behind -- as one check of this name")
	closing := flag.Bool("print", false, "print the closing lines")
	flag.Parse()
	var err error
	switch {
	case *closing:
		err = printClosing(*results, os.Stdout)
	case *check != "":
		err = runCheck(*check, *results, flag.Args())
	default:
		err = readTests(os.Stdin, os.Stdout, *results, *skips, *verbose)
	}
	if err != nil {
		if !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "testsum:", err)
		}
		os.Exit(1)
	}
}

// errFailed says that something failed that has been shown already.
var errFailed = errors.New("failed")

// runCheck runs a command that has no tests of its own to count: a linter, a build.
func runCheck(name, results string, args []string) error {
	if len(args) == 0 {
		return errors.New("no command given")
	}
	start := time.Now()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	err := cmd.Run()
	took := time.Since(start).Round(100 * time.Millisecond)
	r := record{counts: counts{passed: 1}, line: fmt.Sprintf("ok  \t%s\t%v", name, took)}
	if err != nil {
		fmt.Printf("FAIL\t%s: %v\n", name, err)
		r = record{counts: counts{failed: 1}, line: fmt.Sprintf("FAIL\t%s\t%v", name, took), detail: []string{"FAIL: " + name}}
	} else {
		fmt.Println(r.line)
	}
	if err := r.save(results); err != nil {
		return err
	}
	if err != nil {
		return errFailed
	}
	return nil
}

// readTests reads events to the end of in.
func readTests(in io.Reader, out io.Writer, results, skipsFile string, verbose bool) error {
	allowed, err := readSkips(skipsFile)
	if err != nil {
		return err
	}
	s := newSummary(out, allowed, verbose)
	stop := s.reportRunning(30 * time.Second)
	sc := bufio.NewScanner(in)
	sc.Buffer(nil, 16<<20)
	for sc.Scan() {
		s.line(sc.Bytes())
	}
	stop()
	s.finish()
	if err := errors.Join(sc.Err(), s.save(results)); err != nil {
		return err
	}
	if s.failed() {
		return errFailed
	}
	return nil
}

// readSkips reads lines "PACKAGE TEST  REASON"; "#" opens a comment.
func readSkips(file string) (map[string]bool, error) {
	allowed := make(map[string]bool)
	if file == "" {
		return allowed, nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read skips: %w", err)
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		f := strings.Fields(line)
		if len(f) == 0 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if len(f) < 3 {
			return nil, fmt.Errorf("read skips: %s line %d: want PACKAGE TEST REASON", file, n)
		}
		allowed[f[0]+" "+f[1]] = true
	}
	return allowed, nil
}
