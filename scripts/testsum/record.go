package main

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
)

// record is what one section adds to the results file: counts, closing lines,
// a line for each failure, and one for tests that were left out for want of the same programs.
type record struct {
	counts
	line         string
	detail       []string
	leftOutLines []string
}

// stored is a record as it stands in the file, one JSON object a line.
type stored struct {
	Passed, Failed, Skipped, LeftOut int
	Line                             string
	Detail, LeftOutLines             []string
}

func (r record) save(file string) error {
	if file == "" {
		return nil
	}
	b, err := json.Marshal(stored{r.passed, r.failed, r.skipped, r.counts.leftOut, r.line, r.detail, r.leftOutLines})
	if err != nil {
		return fmt.Errorf("save results: %w", err)
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		return fmt.Errorf("save results: %w", err)
	}
	defer f.Close()
	if _, err = f.Write(append(b, '\n')); err != nil {
		return fmt.Errorf("save results: %w", err)
	}
	return nil
}

// printClosing prints the closing lines of all sections, then the failures,
// then one line with the sums.
func printClosing(file string, out io.Writer) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("read results: %w", err)
	}
	var sum stored
	for line := range strings.Lines(string(text)) {
		var r stored
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			return fmt.Errorf("read results: %w", err)
		}
		if r.Line != "" {
			fmt.Fprintln(out, r.Line)
		}
		sum.Passed += r.Passed
		sum.Failed += r.Failed
		sum.Skipped += r.Skipped
		sum.LeftOut += r.LeftOut
		sum.Detail = append(sum.Detail, r.Detail...)
		sum.LeftOutLines = append(sum.LeftOutLines, r.LeftOutLines...)
	}
	for _, l := range sum.LeftOutLines {
		fmt.Fprintln(out, l)
	}
	for _, d := range sum.Detail {
		fmt.Fprintln(out, d)
	}
	fmt.Fprintf(out, "%d passed, %d failed, %d skipped", sum.Passed, sum.Failed, sum.Skipped)
	if sum.LeftOut > 0 {
		fmt.Fprintf(out, ", %d left out", sum.LeftOut)
	}
	fmt.Fprintln(out)
	if sum.Failed > 0 || sum.Passed == 0 {
		return errFailed
	}
	return nil
}
