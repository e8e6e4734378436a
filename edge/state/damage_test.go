package state

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
)

// filled makes a store with three tunnels, a route and two devices, one of them revoked, and closes it.
func filled(t *testing.T) (dir string) {
	t.Helper()
	dir = t.TempDir()
	s, stop := open(t, Config{Dir: dir})
	ctx := t.Context()
	for _, name := range []string{"berlin", "paris", "rome"} {
		if _, err := s.CreateTunnel(ctx, name); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.AddRoute(ctx, prefix("10.1.0.0/16"), "rome"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"d1", "d2"} {
		if _, err := s.AllocateDevice(ctx, model.Device{ID: id, KeyHash: []byte(id)}); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.RevokeDevice(ctx, "d2"); err != nil {
		t.Fatal(err)
	}
	stop()
	return dir
}

// refusal runs a store that must not start, and returns why.
func refusal(t *testing.T, cfg Config) error {
	t.Helper()
	s := New(cfg)
	done := make(chan error, 1)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() { done <- s.Run(ctx) }()
	select {
	case err := <-done:
		return err
	case <-s.Ready():
		cancel()
		<-done
		t.Fatalf("it serves %d tunnels, %d devices", len(s.Snapshot().Tunnels), len(s.Snapshot().Devices))
		return nil
	}
}

func blocks(dir string) string {
	return filepath.Join(dir, "nats", "jetstream", "$G", "streams", "KV_oneping", "msgs", "1.blk")
}

// rewrite changes a file as f says.
func rewrite(t *testing.T, path string, f func([]byte) []byte) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err == nil {
		err = os.WriteFile(path, f(b), 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// A store that has lost something does not start: not with a revoked device that is up again, not
// empty. It says what is missing and the way out.
func TestALossIsRefused(t *testing.T) {
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		want   string
	}{
		"the revocation is damaged": {func(t *testing.T, dir string) {
			rewrite(t, blocks(dir), func(b []byte) []byte { b[bytes.LastIndex(b, []byte("revoked"))+12] ^= 1; return b })
		}, " is damaged: it holds 1 of 2 devices"},
		"emptied": {func(t *testing.T, dir string) {
			rewrite(t, blocks(dir), func([]byte) []byte { return nil })
		}, " is damaged: it holds 0 of 3 tunnels, 0 of 1 route, 0 of 2 devices, 0 of 1 captured prefix, 0 of 1 address plan"},
		"gone": {func(t *testing.T, dir string) {
			if err := os.RemoveAll(filepath.Join(dir, "nats")); err != nil {
				t.Fatal(err)
			}
		}, " is damaged: it holds 0 of 3 tunnels, 0 of 1 route, 0 of 2 devices, 0 of 1 captured prefix, 0 of 1 address plan, revision 0 of 9"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := filled(t)
			c.damage(t, dir)
			err := refusal(t, Config{Dir: dir})
			if !strings.HasPrefix(err.Error(), "open store: "+filepath.Join(dir, "nats")+" ") || !strings.HasSuffix(err.Error(), c.want) {
				t.Errorf("refused with %q, want …%q", err, c.want)
			}
			if want := "make it anew from what was acknowledged: oneping edge restore --state-dir " + dir + "; or put the whole state directory back from a backup"; advice.Of(err) != want {
				t.Errorf("hint %q, want %q", advice.Of(err), want)
			}
		})
	}
}

// What a store has more than was acknowledged was asked for: the edge ended between the two.
func TestTheEndBeforeTheJournal(t *testing.T) {
	dir := t.TempDir()
	s, stop := open(t, Config{Dir: dir})
	if _, err := s.CreateTunnel(t.Context(), "berlin"); err != nil {
		t.Fatal(err)
	}
	stop()
	before, err := os.ReadFile(filepath.Join(dir, journal.JournalFile))
	if err != nil {
		t.Fatal(err)
	}
	s, stop = open(t, Config{Dir: dir})
	if _, err := s.CreateTunnel(t.Context(), "paris"); err != nil {
		t.Fatal(err)
	}
	if err := s.DeleteTunnel(t.Context(), "berlin"); err != nil {
		t.Fatal(err)
	}
	stop()
	rewrite(t, filepath.Join(dir, journal.JournalFile), func([]byte) []byte { return before })
	s, stop = open(t, Config{Dir: dir})
	sn := s.Snapshot()
	if _, ok := sn.Tunnel("paris"); !ok || len(sn.Tunnels) != 1 || sn.Revision != 3 {
		t.Errorf("revision %d with %v", sn.Revision, sn.Tunnels)
	}
	if got := s.current.Load().journal.Revision(); got != 3 {
		t.Errorf("the journal is at %d", got)
	}
	stop()
	if ev, err := journal.Read(dir); err != nil || !ev.Complete() || ev.Revision != 3 || len(ev.Faults) > 0 {
		t.Errorf("evidence: %+v, %v", ev, err)
	}
}

// An earlier version's store has no journal: it begins. One that had a journal must have it.
func TestTheJournalOfAnEarlierStore(t *testing.T) {
	dir := filled(t)
	for _, name := range []string{journal.JournalFile, journal.SnapshotFile} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	err := refusal(t, Config{Dir: dir})
	want := "open store: nothing says whether " + filepath.Join(dir, "nats") + " has all that was acknowledged: " +
		filepath.Join(dir, "journal") + ": it is missing; " + filepath.Join(dir, "snapshot") + ": it is missing"
	if err.Error() != want {
		t.Errorf("refused with %q, want %q", err, want)
	}
	if err := os.Remove(filepath.Join(dir, "nats", marker)); err != nil {
		t.Fatal(err)
	}
	s, _ := open(t, Config{Dir: dir})
	if sn := s.Snapshot(); len(sn.Tunnels) != 3 || !sn.Devices["d2"].Revoked || s.current.Load().journal.Revision() != sn.Revision {
		t.Errorf("revision %d, journal %d, %v", sn.Revision, s.current.Load().journal.Revision(), sn.Devices)
	}
}

// An external store that was restored from an older copy is refused, with both revisions.
func TestAnOlderClusterIsRefused(t *testing.T) {
	first, second := runNATS(t, nil), runNATS(t, nil)
	dir := t.TempDir()
	s, stop := open(t, Config{Dir: dir, Remote: Remote{URL: first.ClientURL()}})
	for _, name := range []string{"berlin", "paris", "rome"} {
		if _, err := s.CreateTunnel(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	stop()
	other, stop := open(t, Config{Dir: t.TempDir(), Remote: Remote{URL: second.ClientURL()}})
	if _, err := other.CreateTunnel(t.Context(), "berlin"); err != nil {
		t.Fatal(err)
	}
	stop()
	err := refusal(t, Config{Dir: dir, Remote: Remote{URL: second.ClientURL()}})
	if want := "open store: the external store is older than what this edge has acknowledged: it holds 0 of 3 tunnels, 1 tunnel that should not be there, revision 1 of 3"; err.Error() != want {
		t.Errorf("refused with %q, want %q", err, want)
	}
	if want := "restore the cluster from its newest copy; or accept what it has: oneping edge restore --accept-store, with the --config of this edge"; advice.Of(err) != want {
		t.Errorf("hint %q, want %q", advice.Of(err), want)
	}
}

// A sequence that cannot be is found before the embedded server counts up to it, in each stream.
func TestAWrongSequenceIsRefused(t *testing.T) {
	dir := filled(t)
	s, stop := open(t, Config{Dir: dir})
	if err := errors.Join(s.Audit(t.Context(), AuditEvent{Action: "a"}), s.Audit(t.Context(), AuditEvent{Action: "b"}), s.Touch(t.Context(), "d1")); err != nil {
		t.Fatal(err)
	}
	stop()
	for stream, want := range map[string]int{"KV_oneping": 8, "oneping-audit": 2, "KV_oneping-seen": 1} {
		path := filepath.Join(dir, "nats", "jetstream", "$G", "streams", stream, "msgs", "1.blk")
		good, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		records := 0
		for at := 0; at < len(good); records++ {
			for _, i := range []int{3, 4, 7} {
				if i == 3 && (stream == "KV_oneping-seen" || records == want) {
					continue // a gap of sixteen million: the server takes it
				}
				b := bytes.Clone(good)
				b[at+4+i] ^= 1
				rewrite(t, path, func([]byte) []byte { return b })
				err := s.checkBlocks(&journal.Evidence{Revision: 9})
				if err == nil || !strings.HasPrefix(err.Error(), "open store: "+path+" is damaged: the number of the record at ") || advice.Of(err) == "" {
					t.Errorf("%s, record at %d, byte %d: %v", stream, at, i, err)
				}
			}
			at += int(binary.LittleEndian.Uint32(good[at:]) & blockLength)
		}
		rewrite(t, path, func([]byte) []byte { return good })
		if err := s.checkBlocks(&journal.Evidence{Revision: 9}); err != nil || records < want {
			t.Errorf("%s with %d records: %v", stream, records, err)
		}
	}
}

// Each node writes to oneping-seen every five minutes: a large fleet gets beyond 2^31 in some years,
// and is served. What no fleet gets to is damage, and so is such a number alone.
func TestSequencesOfALargeFleet(t *testing.T) {
	block := func(sequences ...uint64) (b []byte) {
		for _, q := range sequences {
			b = binary.LittleEndian.AppendUint32(b, 30)
			b = append(binary.LittleEndian.AppendUint64(b, q), make([]byte, 18)...)
		}
		return b
	}
	const far = 3 << 31
	for name, c := range map[string]struct {
		stream string
		blocks [][]byte
		wrong  string // block and place, "" = none
	}{
		"years of a fleet":          {"KV_oneping-seen", [][]byte{block(far, far+1, far+70000)}, ""},
		"its newest block":          {"KV_oneping-seen", [][]byte{block(far, far+1), block(far + 2)}, ""},
		"a bit of it":               {"KV_oneping-seen", [][]byte{block(far, far+1|1<<33, far+2)}, "1.blk is damaged: the number of the record at 30 "},
		"what nobody gets to":       {"KV_oneping-seen", [][]byte{block(far, 1<<40+1)}, "1.blk is damaged: the number of the record at 30 "},
		"one node, that often":      {"KV_oneping-seen", [][]byte{block(far)}, "1.blk is damaged: the number of the record at 0 "},
		"the state, in no lifetime": {"KV_oneping", [][]byte{block(far, far+1, far+2)}, "1.blk is damaged: the number of the record at 0 "},
	} {
		s := New(Config{Dir: t.TempDir()})
		dir := filepath.Join(s.cfg.Dir, natsDir, streamsDir, c.stream, "msgs")
		if err := os.MkdirAll(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		for i, b := range c.blocks {
			if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("%d.blk", i+1)), b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		err := s.checkBlocks(&journal.Evidence{})
		if c.wrong == "" && err != nil || c.wrong != "" && (err == nil || !strings.Contains(err.Error(), c.wrong)) {
			t.Errorf("%s: %v, want %q", name, err, c.wrong)
		}
	}
}

// A key is named to people by what its kind is called today, not by what the first stores called it.
func TestKeysAreNamedToPeople(t *testing.T) {
	for key, want := range map[string]string{
		keyConnector("c1"): "connector.c1", keyDevice("d1"): "device.d1", keyTunnel("t1"): "tunnel.t1", kindPolicy: "policy",
	} {
		if got := keyText(key); got != want {
			t.Errorf("%s: %s, want %s", key, got, want)
		}
	}
	s, _ := open(t, Config{Dir: t.TempDir()})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.drop(ctx, keyConnector("c1")); err == nil || !strings.HasPrefix(err.Error(), "write connector.c1 to store: ") {
		t.Errorf("an error says %v", err)
	}
}
