package edge

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/local"
)

// backedUp runs an edge with a tunnel, a route, a device that is revoked and one that is not, and
// returns it with a backup that it has made through its socket.
func backedUp(t *testing.T) (*Edge, []byte) {
	t.Helper()
	dir := t.TempDir()
	e := startEdge(t, Config{StateDir: dir, Version: "test", Advertise: []string{"127.0.0.1:7844"}})
	c := admin.NewClient(filepath.Join(dir, local.SocketName))
	if _, err := c.CreateTunnel(t.Context(), "office", 0); err != nil {
		t.Fatal(err)
	}
	if _, err := c.AddRoute(t.Context(), "10.1.0.0/16", "office", false); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"laptop", "stolen"} {
		if _, err := e.store.AllocateDevice(t.Context(), model.Device{ID: id, User: "alice", KeyHash: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.RevokeDevice(t.Context(), "stolen"); err != nil {
		t.Fatal(err)
	}
	b, err := c.Backup(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	events, err := c.AuditLog(t.Context(), 1)
	if err != nil || len(events) != 1 || events[0].Action != "edge backup" || !strings.HasPrefix(events[0].Actor, "uid ") {
		t.Errorf("audit log: %+v, %v", events, err)
	}
	return e, b
}

// idle returns an edge that does not run, on a directory.
func idle(t *testing.T, dir string) *Edge {
	t.Helper()
	e, err := New(Config{StateDir: dir, Listen: "127.0.0.1:0"})
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// A backup of a running edge makes an edge that is the same to its nodes, and knows who was revoked.
// It goes into a directory with an edge's state only where that is said, and that is kept then.
func TestBackupAndRestore(t *testing.T) {
	old, file := backedUp(t)
	b, err := ReadBackup(file)
	if err != nil {
		t.Fatal(err)
	}
	want := []state.Part{{Kind: "tunnel", Count: 1}, {Kind: "route", Count: 1}, {Kind: "device", Count: 2}, {Kind: "captured prefix", Count: 1}, {Kind: "address plan", Count: 1}}
	if b.Version != "test" || b.Revision != old.store.Snapshot().Revision || !slices.Equal(b.Parts, want) || b.Held != 0 {
		t.Errorf("the backup says %+v", b.Manifest)
	}
	dir := filepath.Join(t.TempDir(), "new")
	if r, err := idle(t, dir).RestoreBackup(t.Context(), b, state.Restore{DryRun: true}); err != nil || !slices.Equal(r.Parts, want) {
		t.Errorf("a dry run: %+v, %v", r, err)
	}
	if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a dry run has made %s: %v", dir, err)
	}
	empty := t.TempDir()
	if r, err := idle(t, empty).RestoreBackup(t.Context(), b, state.Restore{DryRun: true}); err != nil || !slices.Equal(r.Parts, want) {
		t.Errorf("a dry run into an empty directory: %+v, %v", r, err)
	}
	if there, err := os.ReadDir(empty); err != nil || len(there) > 0 {
		t.Errorf("a dry run has made %v, %v", there, err)
	}
	r, err := idle(t, dir).RestoreBackup(t.Context(), b, state.Restore{})
	if err != nil || r.Revision != b.Revision || !slices.Equal(r.Parts, want) || len(r.Aside) != 0 || r.Audit != nil {
		t.Fatalf("restored: %+v, %v", r, err)
	}
	for _, f := range b.Files {
		if fi, err := os.Stat(filepath.Join(dir, f.Name)); err != nil || fi.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v", f.Name, fi, err)
		}
	}
	_, err = idle(t, dir).RestoreBackup(t.Context(), b, state.Restore{})
	if err == nil || !strings.HasPrefix(err.Error(), "restore into "+dir+": an edge has its state there, at revision ") ||
		advice.Of(err) != "restore into an empty directory: --state-dir DIR; or have what is there moved aside: --replace" {
		t.Errorf("once more: %v", err)
	}
	r, err = idle(t, dir).RestoreBackup(t.Context(), b, state.Restore{Replace: true})
	if err != nil || len(r.Aside) != 1 || !strings.HasPrefix(r.Aside[0], filepath.Join(dir, "replaced-")) {
		t.Fatalf("in the place of it: %+v, %v", r, err)
	}
	for _, name := range []string{"ca.key", "secret", "snapshot", "nats"} {
		if _, err := os.Stat(filepath.Join(r.Aside[0], name)); err != nil {
			t.Errorf("kept aside: %v", err)
		}
	}
	again := startEdge(t, Config{StateDir: dir, Advertise: []string{"127.0.0.1:7844"}})
	sn := again.store.Snapshot()
	if again.authority.ID() != old.authority.ID() || again.authority.Pin() != old.authority.Pin() {
		t.Error("it is another edge to its nodes")
	}
	if len(sn.Devices) != 2 || !sn.Devices["stolen"].Revoked || sn.Devices["laptop"].Revoked || len(sn.Routes) != 1 || sn.Revision <= b.Revision {
		t.Errorf("restored: %+v", sn)
	}
}

// Whatever is damaged of a backup is found before anything is restored.
func TestDamagedBackup(t *testing.T) {
	_, file := backedUp(t)
	whole, err := ReadBackup(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range whole.Files {
		at := bytes.Index(file, f.Data)
		for _, i := range []int{0, len(f.Data) / 2, len(f.Data) - 1} {
			damaged := bytes.Clone(file)
			damaged[at+i] ^= 1
			if _, err := ReadBackup(damaged); err == nil || err.Error() != "read backup: it is damaged: "+f.Name+" is not what was written" {
				t.Errorf("%s, byte %d: %v", f.Name, i, err)
			}
		}
	}
	for n := 0; n < len(file)-1024; n += 509 { // behind that are the two empty blocks at its end
		if _, err := ReadBackup(file[:n]); err == nil || advice.Of(err) == "" {
			t.Fatalf("cut off at %d: %v", n, err)
		}
	}
	other := *whole
	other.Format, other.Files = 2, nil
	newer, err := other.encode()
	if err != nil {
		t.Fatal(err)
	}
	_, another := backedUp(t)
	foreign, err := ReadBackup(another)
	if err != nil {
		t.Fatal(err)
	}
	mixed := Backup{Manifest: whole.Manifest, Files: slices.Concat(whole.Files[:5], foreign.Files[5:])} // its key is another's
	torn, err := mixed.encode()
	if err != nil {
		t.Fatal(err)
	}
	twice := Backup{Manifest: whole.Manifest, Files: append(slices.Clone(whole.Files), whole.Files[0])}
	double, err := twice.encode()
	if err != nil {
		t.Fatal(err)
	}
	for want, b := range map[string][]byte{
		"it has no backup.json that can be read: is it a backup of an edge?": {},
		"it has format 2, and this oneping reads 1":                          newer,
		"it is damaged: ca.crt: it does not belong to ca.key":                torn,
		"it has snapshot twice":                                              double,
		"it is damaged, cut short, or no tar file":                           bytes.Repeat([]byte("x"), 2048),
	} {
		if _, err := ReadBackup(b); err == nil || err.Error() != "read backup: "+want {
			t.Errorf("%v, want %q", err, want)
		}
	}
}

func FuzzReadBackup(f *testing.F) {
	b := Backup{Manifest: Manifest{Format: backupFormat, SHA256: map[string]string{}}, Files: []state.File{{Name: "snapshot", Data: []byte("x")}}}
	file, err := b.encode()
	if err != nil {
		f.Fatal(err)
	}
	for n := 0; n <= len(file); n += 128 {
		f.Add(file[:n])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if got, err := ReadBackup(b); err == nil && len(got.Files) != len(backupNames()) {
			t.Errorf("whole, with %d files", len(got.Files))
		}
	})
}
