package test

import (
	"go/ast"
	"path/filepath"
	"strings"
	"testing"
)

// What to do about an error is said in one type, advice.Error. A type that somebody branches on wraps
// one, so that advice.Of finds it and nobody has to know a second name for the same thing.
func TestOneErrorWithAHint(t *testing.T) {
	type named struct{ dir, name string }
	failures := make(map[named]bool)  // types with a method Error
	hinted := make(map[named]*source) // structs with a field that says what to do
	for _, s := range sources(t) {
		dir := filepath.Dir(s.path)
		if dir == "internal/advice" {
			continue
		}
		ast.Inspect(s.file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					return true
				}
				switch n.Name.Name {
				case "Error":
					failures[named{dir, receiver(n)}] = true
				case "Hint", "Advice": // that returns one
					if n.Type.Params.NumFields() > 0 {
						return true
					}
					t.Errorf("%s:%d: method %s: wrap an advice.Error", s.path, s.line(n), n.Name.Name)
				}
			case *ast.TypeSpec:
				if fields, ok := n.Type.(*ast.StructType); ok && hasHint(fields) {
					hinted[named{dir, n.Name.Name}] = s
				}
			}
			return true
		})
	}
	for n, s := range hinted {
		if failures[n] {
			t.Errorf("%s: type %s is an error with a hint of its own: wrap an advice.Error", s.path, n.name)
		}
	}
	if len(failures) < 10 {
		t.Errorf("found %d types of errors", len(failures))
	}
}

// receiver returns the name of the type that a method belongs to.
func receiver(d *ast.FuncDecl) string {
	typ := d.Recv.List[0].Type
	if star, ok := typ.(*ast.StarExpr); ok {
		typ = star.X
	}
	if index, ok := typ.(*ast.IndexExpr); ok {
		typ = index.X
	}
	if id, ok := typ.(*ast.Ident); ok {
		return id.Name
	}
	return ""
}

// hasHint says whether a struct has a field for what to do about it.
func hasHint(s *ast.StructType) bool {
	for _, f := range s.Fields.List {
		for _, name := range f.Names {
			switch strings.ToLower(name.Name) {
			case "hint", "advice", "fix":
				return true
			}
		}
	}
	return false
}
