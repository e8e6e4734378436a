package program

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// fence is a fenced block of a page with a language and a place: ```sh NODE, ```yaml FILE or
// ```text NAME.
var fence = regexp.MustCompile("(?ms)^```(sh|yaml|text) ?(\\S*)\n(.*?)^```$")

// Block is one fenced block of a page: commands for a place, a file, or a transcript under a name.
type Block struct {
	Lang, Place string // Place is "" where the block says none
	Text        string
}

// README returns the blocks of the README in their order.
func README(t testing.TB) []Block {
	t.Helper()
	return Page(t, "README.md")
}

// Page returns the blocks of a page, which is named from the root of the tree, in their order.
func Page(t testing.TB, name string) []Block {
	t.Helper()
	text, err := os.ReadFile(PagePath(name))
	if err != nil {
		t.Fatal(err)
	}
	var out []Block
	for _, m := range fence.FindAllStringSubmatch(string(text), -1) {
		out = append(out, Block{Lang: m[1], Place: m[2], Text: m[3]})
	}
	return out
}

// PagePath returns where a page is that is named from the root of the tree. A test binary that runs
// elsewhere finds the README where ONEPING_README says, and the others beside it.
func PagePath(name string) string {
	root := "../.."
	if own := os.Getenv("ONEPING_README"); own != "" {
		root = filepath.Dir(own)
	}
	return filepath.Join(root, filepath.FromSlash(name))
}

// Commands returns the lines of a block without their comments.
func (b Block) Commands() []string {
	var out []string
	for line := range strings.Lines(b.Text) {
		line, _ = cutComment(line)
		if line != "" {
			out = append(out, line)
		}
	}
	return out
}

// cutComment returns a line without the comment at its end, and the comment without its sign.
func cutComment(line string) (command, comment string) {
	command, comment, _ = strings.Cut(line, " #")
	return strings.TrimSpace(command), strings.TrimSpace(comment)
}
