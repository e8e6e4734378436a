package node

import (
	"crypto/ecdsa"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

func TestNotify(t *testing.T) {
	if err := notify("", "READY=1"); err != nil {
		t.Errorf("no supervisor: %v", err)
	}
	for _, addr := range []string{filepath.Join(t.TempDir(), "notify"), "@oneping-test-notify"} {
		ln, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		if err := notify(addr, "READY=1"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		n, err := ln.Read(b)
		if err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("%s: %q, %v", addr, b[:n], err)
		}
	}
	if err := notify("tcp:1", "READY=1"); err == nil {
		t.Error("an address of another kind was accepted")
	}
}

func TestStateDir(t *testing.T) {
	for _, c := range []struct {
		uid               int
		xdg, home, config string
		want              string
	}{
		{0, "/x", "/root", "", "/var/lib/oneping/edge"},
		{1000, "/x/state", "/home/a", "", "/x/state/oneping/edge"},
		{1000, "relative", "/home/a", "", "/home/a/.local/state/oneping/edge"},
		{1000, "", "/home/a", "", "/home/a/.local/state/oneping/edge"},
		{-1, "", `/c`, "/appdata", "/appdata/oneping/edge"},
	} {
		if got := stateDir(proto.RoleEdge, c.uid, c.xdg, c.home, c.config); got != c.want {
			t.Errorf("uid %d, xdg %q: %s, want %s", c.uid, c.xdg, got, c.want)
		}
	}
}

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
	if tok, ok, err := ReadToken(good); err != nil || !ok || tok.ID != "id" {
		t.Errorf("good: %+v %v %v", tok, ok, err)
	}
	t.Setenv(TokenVariable, "")
	if _, ok, err := ReadToken(""); ok || err != nil {
		t.Errorf("no token at all: %v %v", ok, err)
	}
	t.Setenv(TokenVariable, testToken().String())
	if _, ok, err := ReadToken(""); !ok || err != nil {
		t.Errorf("from the environment: %v %v", ok, err)
	}
	damaged := file("damaged", testToken().String()[:40])
	_, _, err := ReadToken(damaged)
	if err == nil || !strings.HasPrefix(err.Error(), "read token from "+damaged+": parse token: ") || advice.Of(err) == "" {
		t.Errorf("damaged: %v, hint %q", err, advice.Of(err))
	}
	if strings.Contains(err.Error(), testToken().String()[:40]) {
		t.Error("the error quotes the token")
	}
	_, _, err = ReadToken(file("empty", " \n"))
	if err == nil || !strings.HasSuffix(err.Error(), "empty: it is empty") {
		t.Errorf("empty: %v", err)
	}
	_, _, err = ReadToken(filepath.Join(dir, "missing"))
	if advice.Of(err) != "write the token that the edge printed into that file, or pass --token-file - and paste it" {
		t.Errorf("missing: %v, hint %q", err, advice.Of(err))
	}
	text, from, err := tokenText("-", strings.NewReader("x"), "")
	if text != "x" || from != "standard input" || err != nil {
		t.Errorf("standard input: %q %q %v", text, from, err)
	}
}

func TestKeyStaysAndIsPrivate(t *testing.T) {
	dir := t.TempDir()
	key := func() *ecdsa.PrivateKey {
		n := New(Config{Role: proto.RoleClient, StateDir: dir})
		if err := n.load(); err != nil {
			t.Fatal(err)
		}
		return n.key
	}
	if a, b := key(), key(); !a.Equal(b) {
		t.Error("another key at the second start")
	}
	path := filepath.Join(dir, keyFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	err := New(Config{Role: proto.RoleClient, StateDir: dir}).load()
	if err == nil || err.Error() != "read "+path+": others may read this key (mode 0644)" || advice.Of(err) != "chmod 600 "+path {
		t.Errorf("a key that others may read: %v, hint %q", err, advice.Of(err))
	}
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		t.Fatal(err)
	}
	err = New(Config{Role: proto.RoleClient, StateDir: dir}).load()
	if err == nil || err.Error() != "read "+path+": not PEM" {
		t.Errorf("damaged key: %v", err)
	}
}

func TestStoredEdges(t *testing.T) {
	dir := t.TempDir()
	if edges, err := StoredEdges(dir); err != nil || len(edges) != 0 {
		t.Errorf("not enrolled: %v, %v", edges, err)
	}
	path := filepath.Join(dir, identityFile)
	for text, want := range map[string]string{`{"edges": ["192.0.2.1:7844"]}`: "192.0.2.1:7844", "{": ""} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		edges, err := StoredEdges(dir)
		if strings.Join(edges, " ") != want || (err != nil) != (want == "") {
			t.Errorf("%s: %v, %v", text, edges, err)
		}
	}
}

func TestNodeWithoutStateDirectoryLivesInMemory(t *testing.T) {
	for _, dir := range []string{"", filepath.Join(t.TempDir(), "missing"), "/proc/oneping"} {
		n := New(Config{Role: proto.RoleConnector, StateDir: dir})
		if err := n.load(); err != nil {
			t.Errorf("%q: %v", dir, err)
		}
		if !n.Status().InMemory || n.key == nil {
			t.Errorf("%q: not in memory, or without a key", dir)
		}
	}
}

func TestEnrolWithoutAToken(t *testing.T) {
	err := New(Config{Role: proto.RoleConnector, StateDir: t.TempDir()}).Enrol(t.Context())
	want := "pass --token-file F, or set ONEPING_TOKEN; the edge prints one: oneping tunnel token NAME"
	if err == nil || err.Error() != "this connector has not enrolled and no token was given" || advice.Of(err) != want {
		t.Errorf("%v, hint %q", err, advice.Of(err))
	}
	if _, err := New(Config{Role: proto.RoleClient}).TLS(t.Context()); err == nil {
		t.Error("a node that has not enrolled may dial")
	}
}
