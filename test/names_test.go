package test

import (
	"go/ast"
	"os"
	"regexp"
	"testing"
)

// codeName is a code span that names something of the code: Type.Method, Type.field, package.Name.
var codeName = regexp.MustCompile("`([A-Za-z][A-Za-z0-9]*\\.[A-Za-z][A-Za-z0-9]*)`")

// fileName is what looks like one and is a file.
var fileName = regexp.MustCompile(`\.(go|md|json|yaml|yml)$`)

// foreign are names of other programs' code and files.
var foreign = map[string]bool{"quic.Transport": true}

// declared returns what the code declares, as Type.Method, Type.field and package.Name.
func declared(t *testing.T) map[string]bool {
	t.Helper()
	names := make(map[string]bool)
	for _, s := range sources(t) {
		pkg := s.file.Name.Name
		for _, d := range s.file.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				of := pkg
				if d.Recv != nil {
					of = receiver(d)
				}
				names[of+"."+d.Name.Name] = true
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					declare(names, pkg, spec)
				}
			}
		}
	}
	return names
}

func declare(names map[string]bool, pkg string, spec ast.Spec) {
	switch spec := spec.(type) {
	case *ast.ValueSpec:
		for _, n := range spec.Names {
			names[pkg+"."+n.Name] = true
		}
	case *ast.TypeSpec:
		names[pkg+"."+spec.Name.Name] = true
		var fields *ast.FieldList
		switch typ := spec.Type.(type) {
		case *ast.StructType:
			fields = typ.Fields
		case *ast.InterfaceType:
			fields = typ.Methods
		default:
			return
		}
		for _, f := range fields.List {
			for _, n := range f.Names {
				names[spec.Name.Name+"."+n.Name] = true
			}
		}
	}
}

// TestArchitectureNames: what ARCHITECTURE.md names in the code is there, so that a walk through it
// does not end at a function of last year.
func TestArchitectureNames(t *testing.T) {
	page, err := os.ReadFile("../ARCHITECTURE.md")
	if err != nil {
		t.Fatal(err)
	}
	names := declared(t)
	all := codeName.FindAllStringSubmatch(string(page), -1)
	if len(all) < 100 {
		t.Errorf("%d names, want the walks' own", len(all))
	}
	for _, m := range all {
		if name := m[1]; !names[name] && !fileName.MatchString(name) && !foreign[name] {
			t.Errorf("ARCHITECTURE.md names %s, which is not there", name)
		}
	}
}
