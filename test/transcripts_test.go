package test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	troubleshooting = "../docs/troubleshooting.md"
	transcripts     = "../docs/transcripts"
)

// shownBlock is a transcript on the page: ```text NAME.
var shownBlock = regexp.MustCompile("(?ms)^```text (\\S+)\n(.*?)^```$")

// TestTroubleshooting: the page shows every transcript that TestTranscripts (test/e2e) plays, once,
// and as it is. With ONEPING_UPDATE=1 it is made so.
func TestTroubleshooting(t *testing.T) {
	page, err := os.ReadFile(troubleshooting)
	if err != nil {
		t.Fatal(err)
	}
	left := make(map[string]string)
	paths, err := filepath.Glob(filepath.Join(transcripts, "*.txt"))
	if err != nil || len(paths) < 10 {
		t.Fatalf("%d transcripts, %v", len(paths), err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		left[strings.TrimSuffix(filepath.Base(path), ".txt")] = string(text)
	}
	want := shownBlock.ReplaceAllStringFunc(string(page), func(block string) string {
		name := shownBlock.FindStringSubmatch(block)[1]
		text, ok := left[name]
		if !ok {
			t.Errorf("%s: there is no transcript %s, or it is shown twice", troubleshooting, name)
		}
		delete(left, name)
		return "```text " + name + "\n" + text + "```"
	})
	for name := range left {
		t.Errorf("%s does not show %s", troubleshooting, name)
	}
	switch {
	case want == string(page):
	case os.Getenv("ONEPING_UPDATE") != "":
		if err := os.WriteFile(troubleshooting, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	default:
		t.Errorf("%s is not what was played: -want +got (ONEPING_UPDATE=1 writes it)\n%s", troubleshooting, cmp.Diff(want, string(page)))
	}
}

// TestBothRowsShowTheSame: what every tool prints through oneping and through Linux routers in its
// place (transcripts of TestTruePath) is the same line by line, except for the path MTU, of which a
// tunnel takes its part.
func TestBothRowsShowTheSame(t *testing.T) {
	for _, family := range []string{"ipv4", "ipv6"} {
		rows := make(map[string]string)
		for _, row := range []string{"oneping", "plain"} {
			text, err := os.ReadFile(filepath.Join(transcripts, "paths", family+"-"+row+".txt"))
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			for line := range strings.Lines(string(text)) {
				if !strings.Contains(line, " pmtu ") {
					b.WriteString(line)
				}
			}
			rows[row] = b.String()
		}
		if diff := cmp.Diff(rows["plain"], rows["oneping"]); diff != "" {
			t.Errorf("%s: Linux routers -, oneping +\n%s", family, diff)
		}
		for _, tool := range []string{"traceroute", "mtr", "tracepath", "nmap", "tool paris"} {
			if !strings.Contains(rows["oneping"], "laptop$ "+tool+" ") {
				t.Errorf("%s: nothing of %s", family, tool)
			}
		}
	}
}
