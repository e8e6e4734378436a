package test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strings"
	"testing"
)

// ttlFile is the one file where TTLs are computed and compared with what expires. Everything
// else asks packet.NextTTL, so that "where is TTL decremented" has one answer.
const ttlFile = "proto/packet/ttl.go"

func TestTTLArithmeticStandsInOneFile(t *testing.T) {
	for _, s := range sources(t) {
		if s.isTest() || s.path == ttlFile || strings.HasPrefix(s.path, "test/") {
			continue
		}
		for _, n := range ttlArithmetic(s.file) {
			t.Errorf("%s:%d: computes with a TTL: ask packet.NextTTL, Expires, TTLAfter or Distance", s.path, s.line(n))
		}
	}
}

// ttlArithmetic returns the expressions and statements of a file that add to a TTL, take from
// it, or compare it with a number other than 0 (unknown).
func ttlArithmetic(file *ast.File) (found []ast.Node) {
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.IncDecStmt:
			if isTTL(n.X) {
				found = append(found, n)
			}
		case *ast.AssignStmt:
			if (n.Tok == token.ADD_ASSIGN || n.Tok == token.SUB_ASSIGN) && isTTL(n.Lhs[0]) {
				found = append(found, n)
			}
		case *ast.BinaryExpr:
			switch n.Op {
			case token.ADD, token.SUB:
				if isTTL(n.X) || isTTL(n.Y) {
					found = append(found, n)
				}
			case token.LSS, token.LEQ, token.GTR, token.GEQ:
				if isTTL(n.X) && isNumber(n.Y) || isTTL(n.Y) && isNumber(n.X) {
					found = append(found, n)
				}
			}
		}
		return true
	})
	return found
}

// isTTL says whether x is a variable or field named for a TTL, converted or not.
func isTTL(x ast.Expr) bool {
	switch x := x.(type) {
	case *ast.ParenExpr:
		return isTTL(x.X)
	case *ast.Ident:
		return strings.HasSuffix(strings.ToLower(x.Name), "ttl")
	case *ast.SelectorExpr:
		return isTTL(x.Sel)
	case *ast.CallExpr: // int(p.TTL)
		_, conversion := x.Fun.(*ast.Ident)
		return conversion && len(x.Args) == 1 && isTTL(x.Args[0])
	}
	return false
}

// isNumber says whether x is a literal other than 0.
func isNumber(x ast.Expr) bool {
	lit, ok := x.(*ast.BasicLit)
	return ok && lit.Kind == token.INT && lit.Value != "0"
}

// The test of the test: what it must find, it finds, and nothing else.
func TestTTLArithmeticIsFound(t *testing.T) {
	for code, want := range map[string]bool{
		"h.TTL--":                           true,
		"ttl++":                             true,
		"ttl -= 2":                          true,
		"_ = reg.TTL - 1":                   true,
		"_ = int(p.TTL) - hops":             true,
		"_ = p.TTL > 1":                     true,
		"_ = 1 < ttl":                       true,
		"_ = p.TTL == 0":                    false,
		"_ = p.TTL > 0":                     false,
		"p.TTL = next":                      false,
		"next, ok := packet.NextTTL(p.TTL)": false,
		"tableTTL := time.Minute; _ = tableTTL * 2": false,
	} {
		file, err := parser.ParseFile(token.NewFileSet(), "a.go", "package a\nfunc f() {\n"+code+"\n}\n", parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if got := len(ttlArithmetic(file)) > 0; got != want {
			t.Errorf("%s: found %v, want %v", code, got, want)
		}
	}
}
