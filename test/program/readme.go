package program

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// fence is a fenced block of the README with a language and a place: ```sh NODE or ```yaml FILE.
var fence = regexp.MustCompile("(?ms)^```(sh|yaml) ?(\\S*)\n(.*?)^```$")

// Block is one fenced block of the README: commands for a place, or a file.
type Block struct {
	Lang, Place string // Place is "" where the block says none
	Text        string
}

// README returns the blocks of the README in their order. A test binary that runs elsewhere finds
// the README where ONEPING_README says.
func README(t testing.TB) []Block {
	t.Helper()
	path := "../../README.md"
	if own := os.Getenv("ONEPING_README"); own != "" {
		path = own
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var out []Block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		out = append(out, Block{Lang: m[1], Place: m[2], Text: m[3]})
	}
	return out
}

// Commands returns the lines of a block without their comments.
func (b Block) Commands() []string {
	var out []string
	for line := range strings.Lines(b.Text) {
		line, _, _ = strings.Cut(line, " #")
		if line = strings.TrimSpace(line); line != "" {
			out = append(out, line)
		}
	}
	return out
}
