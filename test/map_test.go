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
			if path.Base(name) == path.Base(path.Dir(name))+"test" {
				name = path.Dir(name) // what its tests and others' share goes with the room
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

var (
	quoted   = regexp.MustCompile("`([^` ]+)`")
	ofModule = regexp.MustCompile(`^(cmd|proto|internal|client|connector|edge|test|scripts|docs|deploy)/[a-zA-Z0-9_./]+$`)
	ofSystem = regexp.MustCompile(`^[a-z]+_[a-z]+$`)
)

// TestGuide: the files and rooms that CONTRIBUTING.md names are there, those of each platform too.
func TestGuide(t *testing.T) {
	page, err := os.ReadFile("../CONTRIBUTING.md")
	if err != nil {
		t.Fatal(err)
	}
	room, checked := "", 0
	wantThere := func(name string) {
		checked++
		if _, err := os.Stat(filepath.Join("..", name)); err != nil {
			t.Errorf("CONTRIBUTING.md names %s, which is not there", name)
		}
	}
	for line := range strings.Lines(string(page)) {
		if !strings.HasPrefix(line, "| ") {
			room = "" // a table has ended
		}
		for _, m := range quoted.FindAllStringSubmatch(line, -1) {
			name := m[1]
			switch {
			case strings.Contains(name, "NOUN"): // stands for any
			case ofModule.MatchString(name):
				wantThere(name)
				if strings.HasPrefix(line, "| `"+name+"`") {
					room = name
				}
			case room != "" && ofSystem.MatchString(name):
				wantThere(room + "/" + name + ".go")
			}
		}
	}
	if checked < 50 {
		t.Errorf("%d names checked", checked)
	}
}

// TestBehaviourTable: the table of test/e2e/doc.go has every file of tests.
func TestBehaviourTable(t *testing.T) {
	doc, err := os.ReadFile("e2e/doc.go")
	if err != nil {
		t.Fatal(err)
	}
	paths, err := filepath.Glob("e2e/*_test.go")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d files, %v", len(paths), err)
	}
	for _, p := range paths {
		name := strings.TrimSuffix(filepath.Base(p), "_test.go")
		if !strings.HasPrefix(name, "harness") && !regexp.MustCompile(`\b`+name+`\b`).Match(doc) {
			t.Errorf("test/e2e/doc.go says nothing of %s: what does it test?", p)
		}
	}
}
