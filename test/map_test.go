package test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mapped returns the paths that the map of ARCHITECTURE.md ("The rooms") names, and those that its
// lines begin with. A path on a line, or on an indented one below it, is also one inside the room at
// the line's beginning: "client/ … tun/" is client/tun.
func mapped(t *testing.T) (named map[string]bool, starts []string) {
	t.Helper()
	page, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(page), "\n## The rooms\n")
	_, rest, _ = strings.Cut(rest, "```\n")
	drawing, _, ok := strings.Cut(rest, "\n```\n")
	if !ok {
		t.Fatal(`ARCHITECTURE.md has no "The rooms"`)
	}
	named = make(map[string]bool)
	place := ""
	for line := range strings.Lines(drawing) {
		for i, word := range roomPath.FindAllString(line, -1) {
			name := strings.TrimSuffix(word, "/")
			if i == 0 && line[0] != ' ' {
				place = name
				starts = append(starts, name)
			}
			for _, p := range []string{name, path.Join(place, name)} {
				for ; p != "."; p = path.Dir(p) {
					named[p] = true
				}
			}
		}
	}
	return named, starts
}

// roomPath is main.go, or what may be a path: it has a slash at its end or inside.
var roomPath = regexp.MustCompile(`main\.go|[a-z0-9]+(?:/[a-z0-9]+)+/?|[a-z0-9]+/`)

// TestMap: every package and every folder of the top level stands on the map of ARCHITECTURE.md, and
// what the map names is there.
func TestMap(t *testing.T) {
	named, starts := mapped(t)
	for _, name := range starts {
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			t.Errorf("the map names %s, which is not there: ARCHITECTURE.md, The rooms", name)
		}
	}
	for _, goos := range []string{"linux", "darwin", "windows"} {
		for _, p := range list(t, goos) {
			name := room(p.ImportPath)
			if name == "" {
				name = "main.go"
			}
			if !named[name] {
				t.Errorf("%s is not on the map: ARCHITECTURE.md, The rooms", name)
			}
		}
	}
	top, err := os.ReadDir("..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range top {
		if e.IsDir() && !strings.HasPrefix(e.Name(), ".") && !named[e.Name()] {
			t.Errorf("%s/ is not on the map: ARCHITECTURE.md, The rooms", e.Name())
		}
	}
}
