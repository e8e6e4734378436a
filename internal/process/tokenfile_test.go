package process

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

func testToken() proto.Token {
	return proto.Token{Kind: proto.TokenDevice, Edges: []string{"e:1"}, CA: make([]byte, 32), ID: "id", Secret: make([]byte, 32)}
}

func TestReadToken(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := file("good", testToken().String()+"\n")
	if tok, ok, err := ReadToken(t.Context(), proto.RoleClient, good); err != nil || !ok || tok.ID != "id" {
		t.Errorf("good: %+v %v %v", tok, ok, err)
	}
	t.Setenv(TokenVariable, "")
	if _, ok, err := ReadToken(t.Context(), proto.RoleClient, ""); ok || err != nil {
		t.Errorf("no token at all: %v %v", ok, err)
	}
	t.Setenv(TokenVariable, testToken().String())
	if _, ok, err := ReadToken(t.Context(), proto.RoleClient, ""); !ok || err != nil {
		t.Errorf("from the environment: %v %v", ok, err)
	}
	damaged := file("damaged", testToken().String()[:40])
	_, _, err := ReadToken(t.Context(), proto.RoleClient, damaged)
	if err == nil || !strings.HasPrefix(err.Error(), "read token from "+damaged+": parse token: ") || advice.Of(err) == "" {
		t.Errorf("damaged: %v, hint %q", err, advice.Of(err))
	}
	if strings.Contains(err.Error(), testToken().String()[:40]) {
		t.Error("the error quotes the token")
	}
	_, _, err = ReadToken(t.Context(), proto.RoleClient, file("empty", " \n"))
	if err == nil || !strings.HasSuffix(err.Error(), "empty: it is empty") {
		t.Errorf("empty: %v", err)
	}
	_, _, err = ReadToken(t.Context(), proto.RoleClient, filepath.Join(dir, "missing"))
	if advice.Of(err) != "write the token that the edge printed into that file, or pass --token-file - and paste it" {
		t.Errorf("missing: %v, hint %q", err, advice.Of(err))
	}
	text, from, err := tokenText("-", strings.NewReader("x"), "")
	if text != "x" || from != "standard input" || err != nil {
		t.Errorf("standard input: %q %q %v", text, from, err)
	}
}
