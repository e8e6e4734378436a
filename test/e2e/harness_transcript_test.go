//go:build linux

package e2e

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/test/program"
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
			if ids := program.DecisionID.FindAllString(out, -1); len(ids) > 0 {
				denial = ids[len(ids)-1]
			}
			if text = shown(c.node, strings.Replace(c.command, "DENIAL", program.SomeDenial, 1), out, c.keep); want == "" || strings.Contains(want, text) {
				break
			}
		}
		all = append(all, text)
	}
	return strings.Join(all, "\n")
}

// shown is a command and its output as they stand in a transcript.
func shown(node, command, output, keep string) string {
	return node + "$ " + command + "\n" + elide(program.Normal(output), keep)
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
	return program.PagePath("docs/transcripts/" + name + ".txt")
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
