package program

import (
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Typist types a line on a machine, and returns all that it prints, and its exit code. It also carries
// files from one machine to another.
type Typist interface {
	Type(t *testing.T, node, line string) (printed string, code int)
	Carry(t *testing.T, file, from, to string)
}

// Play is the transcripts of a page that are played one after the other, with what they know of ids.
type Play struct {
	Page string
	ids  IDs
}

// looks is what only looks at something, and may be typed again until it is as it should be: what
// others notice in their time.
var looks = regexp.MustCompile(`^(ping|traceroute|oneping (\S+ )?(trace|ping|status|list|show|get|check|explain|denials|logs)\b)`)

// Job plays one transcript. It has to print what the page shows; with ONEPING_UPDATE=1 what it prints
// becomes that. A command of ours ends with exit code 0 unless the page shows its error.
func (p *Play) Job(t *testing.T, b Block, by Typist) {
	t.Helper()
	updating := os.Getenv("ONEPING_UPDATE") != ""
	played := ""
	for _, s := range b.Steps() {
		printed := p.step(t, s, by, updating)
		switch {
		case s.Shows(printed):
			printed = s.Output
		case !updating:
			t.Fatalf("%s: %s$ %s: -page +printed (ONEPING_UPDATE=1 writes it)\n%s", p.Page, s.Node, s.Command, cmp.Diff(s.Output, printed))
		}
		if s.Carry != "" {
			by.Carry(t, s.Carry, s.Node, s.To)
		}
		played += s.Prompt + "\n" + printed + "\n"
	}
	if updating {
		p.write(t, b, strings.TrimRight(played, "\n")+"\n")
	}
}

// step types one command, again where it only looks, and returns what a page shows of it.
func (p *Play) step(t *testing.T, s Step, by Typist, updating bool) string {
	t.Helper()
	line := p.ids.Show(s.Command)
	for deadline := time.Now().Add(20 * time.Second); ; {
		printed, code := by.Type(t, s.Node, line)
		printed = strings.TrimLeft(NormalButIDs(p.ids.Hide(printed)), "\n")
		if code != 0 && strings.HasPrefix(s.Command, "oneping ") && !strings.Contains(s.Output, "error: ") {
			printed += "exit code " + strconv.Itoa(code) + "\n"
			if !looks.MatchString(s.Command) || time.Now().After(deadline) {
				t.Fatalf("%s: %s$ %s: %s", p.Page, s.Node, s.Command, printed)
			}
			continue
		}
		if s.Shows(printed) || updating || !looks.MatchString(s.Command) || time.Now().After(deadline) {
			return printed
		}
	}
}

// write puts what was played on the page.
func (p *Play) write(t *testing.T, b Block, played string) {
	t.Helper()
	page, err := os.ReadFile(PagePath(p.Page))
	if err != nil {
		t.Fatal(err)
	}
	fence := "```text " + b.Place + "\n"
	text := strings.Replace(string(page), fence+b.Text+"```", fence+played+"```", 1)
	if err := os.WriteFile(PagePath(p.Page), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}
