package test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// shipped returns the pages that go with a release, by their paths from the root of the tree.
func shipped(t *testing.T) map[string]string {
	t.Helper()
	names := []string{"../README.md", "../LICENSE", "../SECURITY.md", "../CHANGELOG.md", "../ARCHITECTURE.md", "../CONTRIBUTING.md"}
	docs, err := filepath.Glob("../docs/*.md")
	if err != nil || len(docs) < 10 {
		t.Fatalf("%d pages, %v", len(docs), err)
	}
	pages := make(map[string]string)
	for _, name := range append(names, docs...) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		pages[strings.TrimPrefix(name, "../")] = string(text)
	}
	return pages
}

var (
	block     = regexp.MustCompile("(?ms)^```.*?^```$")
	heading   = regexp.MustCompile(`(?m)^##+ (.*)$`)
	pageLink  = regexp.MustCompile(`\]\(([^)\s]+)\)`)
	notInSlug = regexp.MustCompile(`[^a-z0-9_ -]`)
)

// anchors returns what can be linked to on a page.
func anchors(page string) map[string]bool {
	there := make(map[string]bool)
	for _, m := range heading.FindAllStringSubmatch(block.ReplaceAllString(page, ""), -1) {
		there[strings.ReplaceAll(notInSlug.ReplaceAllString(strings.ToLower(m[1]), ""), " ", "-")] = true
	}
	return there
}

// TestPageLinks: each link of a page that is shipped leads to one that is shipped, too, and to a
// heading that is there: a package has no other files of the tree.
func TestPageLinks(t *testing.T) {
	pages := shipped(t)
	links := 0
	for name, text := range pages {
		for _, m := range pageLink.FindAllStringSubmatch(block.ReplaceAllString(text, ""), -1) {
			links++
			file, anchor, _ := strings.Cut(m[1], "#")
			to := name
			if file != "" {
				to = path.Join(path.Dir(name), file)
			}
			page, ok := pages[to]
			switch {
			case !ok:
				t.Errorf("%s: %s is not shipped", name, m[1])
			case anchor != "" && !anchors(page)[anchor]:
				t.Errorf("%s: %s has no heading #%s", name, to, anchor)
			}
		}
	}
	if links < 60 {
		t.Errorf("%d links", links)
	}
}

// maxPage is how wide a line of a page may be.
const maxPage = 100

// TestPageWidth: pages are read in a terminal, too. Only what a program prints is as wide as it is.
func TestPageWidth(t *testing.T) {
	for name, text := range shipped(t) {
		inside, printed := false, false
		number := 0
		for line := range strings.Lines(text) {
			number++
			if strings.HasPrefix(line, "```") {
				inside = !inside
				printed = inside && (line == "```\n" || strings.HasPrefix(line, "```text"))
			}
			if n := utf8.RuneCountInString(strings.TrimRight(line, "\n")); n > maxPage && !printed {
				t.Errorf("%s:%d: %d columns, at most %d", name, number, n, maxPage)
			}
			if line != "\n" && strings.HasSuffix(strings.TrimRight(line, "\n"), " ") && !printed {
				t.Errorf("%s:%d: a space at its end", name, number)
			}
		}
	}
}

// players are who types the commands of a page's blocks, by page and place: ```sh PLACE. What has no
// player would go out of date.
var players = map[string]string{
	"README.md ":                       "scripts/test: the first command; the second is itself",
	"docs/lab.md lab":                  "test/e2e TestLabPage",
	"docs/install.md install":          "test/deploy services",
	"docs/install.md build":            "scripts/test, in its cross-builds",
	"docs/install.md connector":        "test/e2e TestDeployPages",
	"docs/install.md remove":           "test/deploy services",
	"docs/deploy.md edge":              "test/e2e TestDeployPages",
	"docs/deploy.md connector":         "test/e2e TestDeployPages",
	"docs/deploy.md laptop":            "test/e2e TestDeployPages",
	"docs/deploy.md edge.look":         "test/e2e TestDeployPages, test/deploy services",
	"docs/deploy.md connector.look":    "test/e2e TestDeployPages, test/deploy services",
	"docs/deploy.md laptop.look":       "test/e2e TestDeployPages, test/deploy services",
	"docs/deploy.md edge.service":      "test/deploy services",
	"docs/deploy.md connector.service": "test/deploy services",
	"docs/deploy.md laptop.service":    "test/deploy services",
	"docs/deploy.md killed":            "test/e2e TestKilledClientIsUndone",
	"docs/policy.md edge":              "test/e2e TestDeployPages",
	"docs/containers.md compose":       "test/compose TestCompose",
	"docs/troubleshooting.md source":   "test TestBothRowsShowTheSame",
	"docs/troubleshooting.md laptop":   "test/e2e TestTranscripts",
}

var commands = regexp.MustCompile("(?m)^```sh ?(.*)$")

// TestPageBlocks: a test types the commands of each block.
func TestPageBlocks(t *testing.T) {
	there := make(map[string]bool)
	for name, text := range shipped(t) {
		if name == "CONTRIBUTING.md" {
			continue
		}
		for _, m := range commands.FindAllStringSubmatch(text, -1) {
			there[name+" "+m[1]] = true
			if players[name+" "+m[1]] == "" {
				t.Errorf("%s: nobody plays ```sh %s", name, m[1])
			}
		}
	}
	for name := range players {
		if !there[name] {
			t.Errorf("no block ```sh of %s", name)
		}
	}
}
