package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"
)

// How long a Go file may be. Tables of cases make tests longer.
const (
	maxLines     = 500
	maxTestLines = 700
)

// maxComment is how wide a line of comment may be, with tabs of four; prose is wrapped at 100.
const maxComment = 110

// source is one Go file of the tree.
type source struct {
	path string // from the root
	fset *token.FileSet
	file *ast.File
	text string
}

func (s *source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") }

func (s *source) line(n ast.Node) int { return s.fset.Position(n.Pos()).Line }

// files calls f with each file of the tree that is not hidden.
func files(t *testing.T, f func(path string, text []byte)) {
	t.Helper()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && path != ".." && strings.HasPrefix(d.Name(), ".") && d.Name() != ".ci" {
			return fs.SkipDir
		}
		if !d.Type().IsRegular() {
			return nil
		}
		if info, err := d.Info(); err != nil || info.Size() > 4<<20 {
			return err // a binary that somebody built here
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		f(strings.TrimPrefix(path, "../"), text)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func sources(t *testing.T) []*source {
	t.Helper()
	var all []*source
	files(t, func(path string, text []byte) {
		if !strings.HasSuffix(path, ".go") {
			return
		}
		s := &source{path: path, fset: token.NewFileSet(), text: string(text)}
		var err error
		if s.file, err = parser.ParseFile(s.fset, path, text, parser.ParseComments|parser.SkipObjectResolution); err != nil {
			t.Error(err)
			return
		}
		all = append(all, s)
	})
	if len(all) < 50 {
		t.Fatalf("found %d Go files", len(all))
	}
	return all
}

func TestStyle(t *testing.T) {
	documented := make(map[string]bool) // by folder
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		documented[dir] = documented[dir] || s.file.Doc != nil
		limit := maxLines
		if s.isTest() {
			limit = maxTestLines
		}
		if n := strings.Count(s.text, "\n"); n > limit {
			t.Errorf("%s: %d lines, at most %d: one noun a file", s.path, n, limit)
		}
		switch s.file.Name.Name {
		case "util", "utils", "common", "helpers", "helper", "misc", "shared":
			t.Errorf("%s: package %s says nothing about what is in it", s.path, s.file.Name.Name)
		}
		if strings.Contains(s.text, "Copyright") && !strings.Contains(s.text, "SPDX") {
			t.Errorf("%s: a licence header; LICENSE is one file", s.path)
		}
		calls(t, s)
		oneSystem(t, s)
		commentWidth(t, s)
		if !s.isTest() && s.file.Name.Name != "main" {
			exports(t, s)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

// systemOf returns the operating system that a file's name ends in, "" for none.
func systemOf(path string) string {
	name := strings.TrimSuffix(strings.TrimSuffix(path, ".go"), "_test")
	for _, os := range []string{"linux", "darwin", "windows"} {
		if strings.HasSuffix(name, "_"+os) {
			return os
		}
	}
	return ""
}

// oneSystem reports a tag that says what the file's name says, or could say. A file for one system has
// that in its name; of a package for one system each file has the tag: its names are for behaviour.
func oneSystem(t *testing.T, s *source) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		if !strings.Contains("\n"+s.text, "\n//go:build "+goos+"\n") {
			continue
		}
		if systemOf(s.path) == goos || !strings.HasPrefix(s.path, "test/") {
			t.Errorf("%s: a tag for %[2]s: say it in the file's name alone, _%[2]s.go", s.path, goos)
		}
	}
}

// commentWidth reports wide lines of prose; tables and drawings, which are indented, may be as wide as
// they are.
func commentWidth(t *testing.T, s *source) {
	for _, group := range s.file.Comments {
		for _, c := range group.List {
			at := s.fset.Position(c.Pos())
			wide := utf8.RuneCountInString(c.Text) + 4*(at.Column-1)
			alone := strings.Trim(strings.Split(s.text, "\n")[at.Line-1][:at.Column-1], "\t") == ""
			prose := strings.HasPrefix(c.Text, "// ") && !strings.HasPrefix(c.Text, "//  ") && !strings.HasPrefix(c.Text, "// \t")
			if alone && prose && wide > maxComment {
				t.Errorf("%s:%d: a comment %d wide, at most %d: wrap the paragraph at 100", s.path, at.Line, wide, maxComment)
			}
		}
	}
}

// calls reports calls and functions that no file may have.
func calls(t *testing.T, s *source) {
	ast.Inspect(s.file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncDecl:
			if n.Recv == nil && n.Name.Name == "init" {
				t.Errorf("%s:%d: func init: say it in New or in main", s.path, s.line(n))
			}
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && id.Name == "panic" && !s.isTest() {
				t.Errorf("%s:%d: panic: return an error", s.path, s.line(n))
			}
			if sel, ok := n.Fun.(*ast.SelectorExpr); ok && sel.Sel.Name == "Sleep" {
				if x, ok := sel.X.(*ast.Ident); ok && x.Name == "time" && !bubble(s) {
					t.Errorf("%s:%d: time.Sleep: wait for the event", s.path, s.line(n))
				}
			}
		}
		return true
	})
}

// bubble says that a test file uses virtual time, where a sleep is exact and takes none.
func bubble(s *source) bool {
	return s.isTest() && (strings.Contains(s.text, `"testing/synctest"`) ||
		strings.Contains(s.text, "linktest.Simulated") || strings.HasPrefix(s.path, "test/sim/"))
}

// exports reports exported identifiers without a comment.
func exports(t *testing.T, s *source) {
	for _, d := range s.file.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Name.IsExported() && d.Doc == nil && receiverExported(d) && !wellKnown(d) {
				t.Errorf("%s:%d: %s has no comment", s.path, s.line(d), d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				switch spec := spec.(type) {
				case *ast.TypeSpec:
					if spec.Name.IsExported() && d.Doc == nil && spec.Doc == nil {
						t.Errorf("%s:%d: type %s has no comment", s.path, s.line(spec), spec.Name.Name)
					}
				case *ast.ValueSpec:
					if spec.Names[0].IsExported() && d.Doc == nil && spec.Doc == nil && spec.Comment == nil {
						t.Errorf("%s:%d: %s has no comment", s.path, s.line(spec), spec.Names[0].Name)
					}
				}
			}
		}
	}
}

func receiverExported(d *ast.FuncDecl) bool {
	return d.Recv == nil || ast.IsExported(receiver(d))
}

// wellKnown are methods whose meaning the standard library has fixed.
func wellKnown(d *ast.FuncDecl) bool {
	switch d.Name.Name {
	case "Error", "Unwrap", "Is", "String", "MarshalJSON", "UnmarshalJSON", "MarshalText", "UnmarshalText":
		return d.Recv != nil
	}
	return false
}

// No file names a package registry: which one is used is the machine's own setting.
func TestNoRegistryNamed(t *testing.T) {
	hosts := make([]string, 0, 8)
	for _, h := range [][]string{
		{"proxy.golang", "org"},
		{"sum.golang", "org"},
		{"registry.npmjs", "org"},
		{"pypi", "org"},
		{"files.pythonhosted", "org"},
		{"registry-1.docker", "io"},
		{"index.docker", "io"},
		{"deb.debian", "org"},
		{"archive.ubuntu", "com"},
		{"crates", "io"},
	} {
		hosts = append(hosts, strings.Join(h, "."))
	}
	files(t, func(path string, text []byte) {
		for _, h := range hosts {
			if strings.Contains(string(text), h) {
				t.Errorf("%s names %s", path, h)
			}
		}
	})
}
