package state

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
)

// lived is filled, and what is in it.
func lived(t *testing.T) (dir string, sn *model.Snapshot) {
	t.Helper()
	dir = filled(t)
	s, stop := open(t, Config{Dir: dir})
	for _, action := range []string{"tunnel create", "device revoke"} {
		if err := s.Audit(t.Context(), AuditEvent{Action: action}); err != nil {
			t.Fatal(err)
		}
	}
	sn = s.Snapshot()
	stop()
	return dir, sn
}

// same says whether two snapshots have the same things, at whatever revisions.
func same(t *testing.T, name string, want, got *model.Snapshot) {
	t.Helper()
	a, b := *want, *got
	a.Revision, a.Changed, b.Revision, b.Changed = 0, model.Changed{}, 0, model.Changed{}
	if diff := cmp.Diff(text(t, a), text(t, b)); diff != "" {
		t.Errorf("%s: -want +got\n%s", name, diff)
	}
}

// text returns v as JSON, as the store has it.
func text(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func restore(t *testing.T, dir string, how Restore) (*Restored, error) {
	t.Helper()
	now := func() time.Time { return time.Date(2026, 11, 27, 10, 0, 0, 0, time.UTC) }
	return New(Config{Dir: dir, Now: now}).Restore(t.Context(), how)
}

// files returns the names in a directory.
func files(t *testing.T, dir string) []string {
	t.Helper()
	all, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range all {
		out = append(out, f.Name())
	}
	return out
}

func TestRestore(t *testing.T) {
	for name, damage := range map[string]func(t *testing.T, dir string){
		"a bit": func(t *testing.T, dir string) {
			rewrite(t, blocks(dir), func(b []byte) []byte { b[bytes.LastIndex(b, []byte("revoked"))+12] ^= 1; return b })
		},
		"emptied": func(t *testing.T, dir string) { rewrite(t, blocks(dir), func([]byte) []byte { return nil }) },
		"nothing": func(*testing.T, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, sn := lived(t)
			damage(t, dir)
			before := files(t, dir)
			dry, err := restore(t, dir, Restore{DryRun: true})
			if err != nil || !slices.Equal(files(t, dir), before) {
				t.Fatalf("a dry run: %v, %v", err, files(t, dir))
			}
			got, err := restore(t, dir, Restore{})
			if err != nil {
				t.Fatal(err)
			}
			want := &Restored{
				StateDir: dir, Revision: 9, Faults: []journal.Fault{}, Audit: &AuditKept{2, 2},
				Parts: []Part{{"tunnel", 3}, {"route", 1}, {"device", 2}, {"captured prefix", 1}, {"address plan", 1}},
				Aside: []string{filepath.Join(dir, "nats.damaged-20261127T100000")},
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(want.Parts, dry.Parts); diff != "" || !dry.DryRun || len(dry.Aside) > 0 {
				t.Errorf("the dry run said %+v", dry)
			}
			s, stop := open(t, Config{Dir: dir})
			same(t, "restored", sn, s.Snapshot())
			if s.Snapshot().Revision != 17 { // behind the nine that were acknowledged
				t.Errorf("revision %d", s.Snapshot().Revision)
			}
			if log, err := s.AuditLog(t.Context(), 9); err != nil || len(log) != 2 || log[1].Action != "device revoke" {
				t.Errorf("audit log %v, %v", log, err)
			}
			if _, err := s.CreateTunnel(t.Context(), "wien"); err != nil {
				t.Error(err)
			}
			stop()
			s, _ = open(t, Config{Dir: dir})
			if _, ok := s.Snapshot().Tunnel("wien"); !ok {
				t.Error("what came behind the restore is lost")
			}
		})
	}
}

// Evidence that is damaged is not enough, and --force takes what can be read of it.
func TestRestoreOfDamagedEvidence(t *testing.T) {
	dir, sn := lived(t)
	rewrite(t, blocks(dir), func([]byte) []byte { return nil })
	journalFile := filepath.Join(dir, journal.JournalFile)
	rewrite(t, journalFile, func(b []byte) []byte { b[bytes.Index(b, []byte(`"paris"`))+1] ^= 1; return b })
	_, err := restore(t, dir, Restore{})
	if err == nil || !strings.HasPrefix(err.Error(), "restore store: what was acknowledged is damaged as well: "+journalFile+": ") ||
		!strings.HasSuffix(err.Error(), " are damaged; 7 of 8 entries can be read") {
		t.Errorf("without --force: %v", err)
	}
	if want := "put the state directory back from a backup; or take what can be read: oneping edge restore --force --state-dir " + dir; advice.Of(err) != want {
		t.Errorf("hint %q", advice.Of(err))
	}
	got, err := restore(t, dir, Restore{Force: true})
	if err != nil || got.Lost != 1 || len(got.Aside) != 3 || got.Parts[0] != (Part{"tunnel", 2}) {
		t.Fatalf("with --force: %+v, %v", got, err)
	}
	s, _ := open(t, Config{Dir: dir})
	want := *sn
	want.Tunnels = maps.Clone(sn.Tunnels)
	maps.DeleteFunc(want.Tunnels, func(_ string, tun model.Tunnel) bool { return tun.Name == "paris" })
	same(t, "restored", &want, s.Snapshot())
}

// A store that is right although its journal is lost is accepted when somebody says so.
func TestAcceptStore(t *testing.T) {
	dir, sn := lived(t)
	if err := os.Remove(filepath.Join(dir, journal.JournalFile)); err != nil {
		t.Fatal(err)
	}
	err := refusal(t, Config{Dir: dir})
	if want := "open store: nothing says whether " + filepath.Join(dir, "nats") + " has all that was acknowledged: " + filepath.Join(dir, "journal") + ": it is missing"; err.Error() != want {
		t.Errorf("refused with %q", err)
	}
	if got, err := restore(t, dir, Restore{Accept: true, DryRun: true}); err != nil || len(got.Aside) > 0 {
		t.Errorf("dry run: %+v, %v", got, err)
	}
	_ = refusal(t, Config{Dir: dir})
	got, err := restore(t, dir, Restore{Accept: true})
	if err != nil || got.Lost != 0 || got.Back != 0 || !slices.Equal(got.Aside, []string{filepath.Join(dir, "snapshot.damaged-20261127T100000")}) {
		t.Fatalf("%+v, %v", got, err)
	}
	s, _ := open(t, Config{Dir: dir})
	same(t, "accepted", sn, s.Snapshot())
}

func TestRestoreRefuses(t *testing.T) {
	dir := filled(t)
	s, stop := open(t, Config{Dir: dir})
	if _, err := restore(t, dir, Restore{}); !errors.Is(err, process.ErrInUse) {
		t.Errorf("while an edge runs: %v", err)
	}
	_ = s
	stop()
	if _, err := restore(t, filepath.Join(dir, "none"), Restore{}); err == nil || err.Error() != "restore "+filepath.Join(dir, "none")+": there is no such state directory" {
		t.Errorf("no directory: %v", err)
	}
	empty := t.TempDir()
	if _, err := restore(t, empty, Restore{}); err == nil || err.Error() != "restore "+empty+": there is neither journal nor snapshot to restore from" {
		t.Errorf("an empty directory: %v", err)
	}
	for _, dry := range []bool{true, false} {
		if _, err := restore(t, empty, Restore{Accept: true, DryRun: dry}); err == nil || err.Error() != "restore "+empty+": there is no store to accept" ||
			advice.Of(err) != "put the state directory back from a backup; or make the store anew from what was acknowledged: oneping edge restore --state-dir "+empty {
			t.Errorf("accept nothing: %v", err)
		}
	}
	if all := files(t, empty); !slices.Equal(all, []string{"lock"}) {
		t.Errorf("it made %v", all)
	}
}

// TestRestoreThatFails leaves everything where it was: the next one has the audit log, too.
func TestRestoreThatFails(t *testing.T) {
	t.Parallel()
	dir, _ := lived(t)
	rewrite(t, blocks(dir), func([]byte) []byte { return nil })
	if err := os.Mkdir(filepath.Join(dir, ".restore-1"), 0o700); err != nil { // of one that was killed
		t.Fatal(err)
	}
	before := slices.DeleteFunc(files(t, dir), func(name string) bool { return name == ".restore-1" })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := New(Config{Dir: dir}).Restore(ctx, Restore{}); err == nil {
		t.Fatal("a restore that was interrupted says nothing")
	}
	if got := files(t, dir); !slices.Equal(got, before) {
		t.Errorf("it has left %v, there were %v", got, before)
	}
	if got, err := restore(t, dir, Restore{}); err != nil || *got.Audit != (AuditKept{2, 2}) {
		t.Errorf("the next one: %+v, %v", got, err)
	}
}

// Wherever putting a backup in the place of another state ends, there is evidence of one of them and
// no key of an authority: a start is refused, and does not begin an empty network.
func TestRestoreOfFilesThatEnds(t *testing.T) {
	const last = "ca.key"
	whole, _ := lived(t)
	s, stop := open(t, Config{Dir: whole})
	has, err := s.Evidence()
	stop()
	if err != nil {
		t.Fatal(err)
	}
	backup := append(has.Files, File{Name: "secret", Data: []byte("new")}, File{Name: last, Data: []byte("new")})
	for n := range backup {
		dir, _ := lived(t)
		for _, name := range []string{"secret", last} {
			if err := os.WriteFile(filepath.Join(dir, name), []byte("old"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		cut := slices.Clone(backup)
		cut = slices.Insert(cut, n, File{Name: "no-such-directory/file"}) // nothing is written from here on
		if r, err := restore(t, dir, Restore{Files: cut, Replace: true}); err == nil {
			t.Fatalf("%d: restored: %+v", n, r)
		}
		if _, err := os.Stat(filepath.Join(dir, last)); err == nil {
			t.Errorf("%d files written: the key is there", n)
		}
		if knows, err := KnowsNodes(dir); err != nil || !knows {
			t.Errorf("%d files written: nodes are known: %v, %v", n, knows, err)
		}
		if r, err := New(Config{Dir: dir}).Restore(t.Context(), Restore{Files: backup, Replace: true}); err != nil || r.Revision != has.Revision {
			t.Errorf("%d files written: again: %+v, %v", n, r, err)
		}
	}
}

// Two restores within one second move what was there to directories of their own.
func TestRestoresWithinASecond(t *testing.T) {
	dir, _ := lived(t)
	s, stop := open(t, Config{Dir: dir})
	has, err := s.Evidence()
	stop()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"replaced-20261127T100000", "replaced-20261127T100000-2", "replaced-20261127T100000-3"} {
		r, err := restore(t, dir, Restore{Files: has.Files, Replace: true})
		if err != nil || !slices.Contains(r.Aside, filepath.Join(dir, want)) {
			t.Fatalf("%+v, %v; want %s", r, err, want)
		}
	}
}
