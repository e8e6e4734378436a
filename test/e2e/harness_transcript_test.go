//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// typed is a command of a transcript, as it is typed on a node. DENIAL in it stands for the last id
// of a denial that an earlier command has printed.
type typed struct {
	node, command string
	before        func(l *lab) // what happens meanwhile
	// keep names the lines of its output that stay, where not all do; "…" stands for the others.
	keep string
	// until is what the output must have for the command not to be typed again, for up to 20 s:
	// what a hop notices in its time.
	until string
}

// scene is something that may be wrong with a path, and what is typed to find it.
type scene struct {
	name    string // of its file, without .txt
	root    bool   // not without
	arrange func(l *lab)
	typed   []typed
	restore func(l *lab)
}

// play runs a scene once and returns its transcript; want is what it should be. A command whose
// output is not there is typed again: a probe may be lost on a busy machine, and traceroute ignores
// some answers (see traceTries).
func (s *scene) play(l *lab, want string) string {
	l.t.Helper()
	if s.arrange != nil {
		s.arrange(l)
	}
	if s.restore != nil {
		defer s.restore(l)
	}
	var all []string
	denial := ""
	for _, c := range s.typed {
		var text string
		for range traceTries {
			out := l.typed(c, denial)
			if ids := decisionID.FindAllString(out, -1); len(ids) > 0 {
				denial = ids[len(ids)-1]
			}
			if text = shown(c.node, strings.Replace(c.command, "DENIAL", someDenial, 1), out, c.keep); want == "" || strings.Contains(want, text) {
				break
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

// shown is a command and its output as they stand in a transcript.
func shown(node, command, output, keep string) string {
	return node + "$ " + command + "\n" + elide(normal(output), keep)
}

// typed runs a command as its line says, and returns what a person sees of it.
func (l *lab) typed(c typed, denial string) string {
	l.t.Helper()
	if c.before != nil {
		c.before(l)
	}
	line := strings.Replace(c.command, "DENIAL", denial, 1)
	for deadline := time.Now().Add(20 * time.Second); ; {
		out := l.exec(c.node, "sh", "-c", "exec 2>&1; "+line).stdout
		if c.until == "" || strings.Contains(out, c.until) || time.Now().After(deadline) {
			return out
		}
	}
}

// elide keeps the lines that keep matches; all of them where it is empty.
func elide(text, keep string) string {
	if keep == "" {
		return text
	}
	keeps := regexp.MustCompile(keep)
	var b strings.Builder
	left := false
	for line := range strings.Lines(text) {
		if keeps.MatchString(line) {
			b.WriteString(line)
		} else if !left {
			b.WriteString("…\n")
		}
		left = !keeps.MatchString(line)
	}
	return b.String()
}

// transcriptPath is where a transcript is: below the folder of the README.
func transcriptPath(name string) string {
	root := "../.."
	if own := os.Getenv("ONEPING_README"); own != "" { // the test binary runs elsewhere
		root = filepath.Dir(own)
	}
	return filepath.Join(root, "docs", "transcripts", filepath.FromSlash(name)+".txt")
}

// readTranscript returns a transcript. There has to be one, unless it is to be written.
func readTranscript(t testing.TB, name string) string {
	t.Helper()
	text, err := os.ReadFile(transcriptPath(name))
	if err != nil && !(updating() && errors.Is(err, fs.ErrNotExist)) {
		t.Fatalf("%v (the folder docs belongs beside the README that ONEPING_README names; ONEPING_UPDATE=1 writes it)", err)
	}
	return string(text)
}

// updating says that transcripts are to be written anew.
func updating() bool { return os.Getenv("ONEPING_UPDATE") != "" }

// matchTranscript plays until the file of that name, without .txt, says the same, three times at
// most. With ONEPING_UPDATE=1 it plays until two say the same, and that becomes the file.
func matchTranscript(t testing.TB, name string, play func(want string) string) {
	t.Helper()
	file := readTranscript(t, name)
	want, got := file, ""
	for range traceTries {
		if got = play(want); got == want {
			break
		}
		if updating() {
			want = got
		}
	}
	path := transcriptPath(name)
	switch {
	case got != want:
		t.Errorf("%s: -want +got (ONEPING_UPDATE=1 writes it)\n%s", path, cmp.Diff(want, got))
	case got != file:
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(got), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
}

// What stands in transcripts for what no two runs share.
const (
	someTime      = 0.4 // ms
	someDenial    = "5f0c1d2e3a4b5968"
	someConnector = "kcjsn7eeklkpxfwn"
	someDevice    = "tp7nvluopw7w53n6"
	someEdge      = "c4c510fa5a21844209ce"
	somePort      = "40000"
	someMoment    = "2026-11-26 03:00"
	mtrColumns    = "    0.4   0.4   0.4   0.4   0.0"
)

var decisionID = regexp.MustCompile(`\b[0-9a-f]{16}\b`)

// replaced are the expressions of what differs from run to run, and what stands for it.
var replaced = []struct {
	find *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`min/avg/max/mdev = .* ms`), "min/avg/max/mdev = 0.4/0.4/0.4/0.4 ms"},
	{regexp.MustCompile(`(?m)^( +\d+\.\|-- .* 0\.0% +\d+) .*$`), "${1}" + mtrColumns},
	{regexp.MustCompile(`Start: \S+`), "Start: " + strings.Replace(someMoment, " ", "T", 1) + ":00+0000"},
	{regexp.MustCompile(`(?m)^(\d+ +)[0-9.]+ ms +(\S+)$`), "${1}0.4 ms ${2}"}, // nmap
	{regexp.MustCompile(`(?m)^HOP RTT +ADDRESS$`), "HOP RTT    ADDRESS"},
	{decisionID, someDenial},
	{regexp.MustCompile(`(?m)(^| id )[a-z2-7]{16}\b`), "${1}" + someConnector},
	{regexp.MustCompile(`(device[ :])[a-z2-7]{16}\b`), "${1}" + someDevice},
	{regexp.MustCompile(`\b[0-9a-f]{20}\b`), someEdge},
	{regexp.MustCompile(`((?:198\.51\.100|203\.0\.113)\.\d+):\d+`), "${1}:" + somePort},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`), someMoment},
	{regexp.MustCompile(someMoment + `:\d\d`), someMoment + ":00"},
	{regexp.MustCompile(`\b(up|down|seen|up for|down for) \d+s\b`), "${1} 5s"},
	{regexp.MustCompile(`\(\d+ times\)`), "(17 times)"},
	{regexp.MustCompile(`\blinux/\w+`), "linux/amd64"},
	{regexp.MustCompile(`(?m)[ \t]+$`), ""},
}

var (
	milliseconds = regexp.MustCompile(`\b(\d+(?:\.\d+)?)( ?)(?:ms|µs)\b`)
	tableHead    = regexp.MustCompile(`^[A-Z]+(?: {2,}[A-Z]+(?: [A-Z]+)*)+$`)
	columns      = regexp.MustCompile(` {2,}`)
)

// normal replaces what differs from run to run, and leaves no space at the ends of lines and of the text.
func normal(text string) string {
	text = strings.TrimRight(text, "\n") + "\n"
	for _, r := range replaced {
		text = r.find.ReplaceAllString(text, r.with)
	}
	text = milliseconds.ReplaceAllStringFunc(text, func(s string) string {
		m := milliseconds.FindStringSubmatch(s)
		ms, _ := strconv.ParseFloat(m[1], 64)
		switch whole := int(ms) / 1000 * 1000; {
		case strings.HasSuffix(s, "µs"):
		case whole > 0 || !strings.Contains(m[1], ".") && ms == 0: // a wait of whole seconds is part of the case
			return fmt.Sprint(whole) + m[2] + "ms"
		}
		return fmt.Sprint(someTime) + m[2] + "ms"
	})
	return align(text)
}

// align sets the tables of oneping anew: their columns are as wide as what was replaced.
func align(text string) string {
	lines := strings.Split(text, "\n")
	for i := 0; i < len(lines); i++ {
		if !tableHead.MatchString(lines[i]) {
			continue
		}
		head := columns.Split(lines[i], -1)
		var rows [][]string
		widths := make([]int, len(head))
		for j := i; j < len(lines); j++ {
			row := columns.Split(lines[j], -1)
			if len(row) != len(head) {
				break
			}
			for k, cell := range row {
				widths[k] = max(widths[k], len(cell))
			}
			rows = append(rows, row)
		}
		for j, row := range rows {
			for k := range row[:len(row)-1] {
				row[k] = fmt.Sprintf("%-*s", widths[k], row[k])
			}
			lines[i+j] = strings.Join(row, "  ")
		}
		i += len(rows) - 1
	}
	return strings.Join(lines, "\n")
}
