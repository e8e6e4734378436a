package node

import (
	"crypto/ecdsa"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

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
	if err == nil || err.Error() != "read "+path+": it is damaged or cut short: not PEM" {
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

// What could not be written is written as soon as it can be, the key before what goes with it.
func TestUnwrittenIsWrittenLater(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "later")
	n := New(Config{Role: proto.RoleConnector, StateDir: dir})
	if err := n.load(); err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	n.write(identityFile, []byte("old"))
	n.write(identityFile, []byte("new"))
	n.mu.Unlock()
	want := "write in " + dir + ": no such file or directory"
	if s := n.Status(); !s.InMemory || s.Unkept != want || s.UnkeptHint != "does "+dir+" exist, and may this user write there?" {
		t.Errorf("%+v", s)
	}
	if len(n.unwritten) != 2 || n.unwritten[0].name != keyFile {
		t.Errorf("%d files wait, first %s", len(n.unwritten), n.unwritten[0].name)
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	n.mu.Lock()
	n.writeLater()
	n.mu.Unlock()
	if s := n.Status(); s.InMemory || s.Unkept != "" {
		t.Errorf("%+v", s)
	}
	if b, err := os.ReadFile(filepath.Join(dir, identityFile)); err != nil || string(b) != "new" {
		t.Errorf("%q, %v", b, err)
	}
	again := New(Config{Role: proto.RoleConnector, StateDir: dir})
	if err := again.loadKey(); err != nil || !again.key.Equal(n.key) {
		t.Errorf("another key, %v", err)
	}
}
