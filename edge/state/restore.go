package state

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/oneping/oneping/edge/state/journal"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// Restore says how a store is made good again.
type Restore struct {
	// Accept takes what the store has, whatever was acknowledged; else the store is made anew from
	// what was.
	Accept bool
	Force  bool // take what can be read of evidence that is damaged
	DryRun bool // say it and do nothing
	// Files are those of a backup, which are put into the directory first; none: it has its own.
	Files   []File
	Replace bool // move aside what is there of an edge, where there are Files
}

// Restored is what a restore has found and done, or would do.
type Restored struct {
	StateDir string          `json:"state_dir"`
	Revision uint64          `json:"revision"`        // the newest that was acknowledged
	Faults   []journal.Fault `json:"faults"`          // of journal and snapshot
	Parts    []Part          `json:"parts"`           // what there is then, by kind
	Lost     int             `json:"lost"`            // entries that are missing then
	Back     int             `json:"back"`            // entries that had been deleted and are there then
	Aside    []string        `json:"aside"`           // files that are kept under these names
	Audit    *AuditKept      `json:"audit,omitempty"` // of a store that was made anew
	Accepted bool            `json:"accepted"`
	DryRun   bool            `json:"dry_run"`
}

// Part is how many of a kind there are.
type Part struct {
	Kind  string `json:"kind"` // tunnel, connector, route, device, token, captured prefix, policy, address plan
	Count int    `json:"count"`
}

// String says it for people: 3 tunnels.
func (p Part) String() string {
	for _, k := range kinds() {
		if k.one == p.Kind {
			return k.count(p.Count)
		}
	}
	return p.Kind
}

// AuditKept is what became of the audit log.
type AuditKept struct {
	Kept int `json:"kept"` // events
	Of   int `json:"of"`   // events that there were, as far as anything says so
}

// Restore makes a damaged store good, or one from a backup, while no edge runs on its directory.
func (s *Store) Restore(ctx context.Context, how Restore) (*Restored, error) {
	if _, err := os.Stat(s.cfg.Dir); err != nil {
		return nil, &advice.Error{Text: "restore " + s.cfg.Dir + ": there is no such state directory", Advice: "name the edge's with --state-dir", Cause: err}
	}
	if !how.DryRun || process.HasLock(s.cfg.Dir) { // a dry run makes none
		lock, err := process.LockDir(s.cfg.Dir, proto.RoleEdge)
		if err != nil {
			return nil, err
		}
		defer func() { _ = lock.Close() }()
	}
	out := &Restored{StateDir: s.cfg.Dir, Faults: []journal.Fault{}, Accepted: how.Accept, DryRun: how.DryRun, Aside: []string{}}
	if len(how.Files) > 0 {
		return out, s.restoreFiles(ctx, how, out)
	}
	ev, err := readEvidence(s.cfg.Dir)
	if err != nil {
		return nil, err
	}
	out.Revision, out.Faults = ev.Revision, append(out.Faults, ev.Faults...)
	if how.Accept {
		return out, s.accept(ctx, ev, how, out)
	}
	return out, s.rebuild(ctx, ev, how, out)
}

// restoreFiles puts a backup into the state directory and makes the store from it. An external one is
// left as it is: it has what was acknowledged, or the start is refused.
func (s *Store) restoreFiles(ctx context.Context, how Restore, out *Restored) error {
	if err := s.unpack(how, out); err != nil {
		return err
	}
	byName := make(map[string][]byte, len(how.Files))
	for _, f := range how.Files {
		byName[f.Name] = f.Data
	}
	has, err := ReadEvidence(byName)
	if err != nil {
		return err
	}
	out.Revision, out.Parts = has.Revision, has.Parts
	if how.DryRun || s.cfg.Remote.URL != "" {
		return nil
	}
	ev, err := readEvidence(s.cfg.Dir)
	if err != nil {
		return err
	}
	err = s.rebuild(ctx, ev, how, out)
	out.Audit = nil // no backup has one
	return err
}

// rebuild makes the store anew from the evidence.
func (s *Store) rebuild(ctx context.Context, ev *journal.Evidence, how Restore, out *Restored) error {
	entries := ev.Image.Entries()
	out.Parts, out.Lost = partsOf(entries), max(0, ev.Count()-len(entries))
	switch {
	case s.cfg.Remote.URL != "":
		return &advice.Error{
			Text:   "restore store: it is an external one (store:), which is not made anew from here",
			Advice: "restore the cluster from its newest copy; or accept what it has: oneping edge restore --accept-store",
		}
	case ev.None:
		return &advice.Error{
			Text:   "restore " + s.cfg.Dir + ": there is neither journal nor snapshot to restore from",
			Advice: "put the state directory back from a backup; or accept what the store has: oneping edge restore --accept-store" + s.stateDirFlag(),
		}
	case !ev.Complete() && !how.Force:
		return s.incomplete("restore", ev)
	case how.DryRun:
		return nil
	}
	if err := s.health.look(); err != nil {
		return fmt.Errorf("restore store: %w", err)
	}
	scratch, err := s.scratch()
	if err != nil {
		return fmt.Errorf("restore store: %w", err)
	}
	defer removeScratch(scratch)
	image, err := s.refill(ctx, ev, scratch, out)
	if err != nil {
		return fmt.Errorf("restore store: %w", s.health.blame(err))
	}
	return s.replace(ev, image, scratch, out)
}

// scratchDirs is what the directories are called in which a restore works.
const scratchDirs = ".restore-*"

// scratch makes an empty directory for the new store, and removes those that a restore has left that
// was interrupted.
func (s *Store) scratch() (string, error) {
	left, err := filepath.Glob(filepath.Join(s.cfg.Dir, scratchDirs))
	if err != nil {
		return "", err
	}
	for _, dir := range left {
		if err := os.RemoveAll(dir); err != nil {
			return "", err
		}
	}
	return os.MkdirTemp(s.cfg.Dir, scratchDirs)
}

// removeScratch removes the directory of a restore. NATS, which has been told to end, may be removing
// or making something in it still: then once more. What stays all the same the next restore removes.
func removeScratch(dir string) {
	for range 20 {
		if os.RemoveAll(dir) == nil {
			return
		}
	}
}

// replace puts the new store, which is whole in directory scratch, in the place of the damaged one.
func (s *Store) replace(ev *journal.Evidence, image journal.Image, scratch string, out *Restored) error {
	stamp := s.cfg.Now().UTC().Format("20060102T150405")
	if len(ev.Faults) > 0 {
		copies, err := s.copyEvidence(stamp)
		out.Aside = append(out.Aside, copies...)
		if err != nil {
			return err
		}
	}
	aside, err := s.moveAside(stamp)
	if err != nil {
		return err
	}
	if aside != "" {
		out.Aside = append([]string{aside}, out.Aside...)
	}
	if err := os.Rename(filepath.Join(scratch, natsDir), filepath.Join(s.cfg.Dir, natsDir)); err != nil {
		return fmt.Errorf("put the new store in its place: %w", err)
	}
	return s.saveEvidence(ev, image)
}

// incomplete is about evidence from which not everything can be made.
func (s *Store) incomplete(what string, ev *journal.Evidence) error {
	var faults []string
	for _, f := range ev.Faults {
		faults = append(faults, filepath.Join(s.cfg.Dir, f.File)+": "+f.What)
	}
	return &advice.Error{
		Text: fmt.Sprintf("%s store: what was acknowledged is damaged as well: %s; %d of %d entries can be read",
			what, strings.Join(faults, "; "), len(ev.Image.Entries()), ev.Count()),
		Advice: "put the state directory back from a backup; or take what can be read: oneping edge restore --force" + s.stateDirFlag(),
	}
}

// moveAside gives the embedded store another name, and returns it; "" where there is none.
func (s *Store) moveAside(stamp string) (string, error) {
	from := filepath.Join(s.cfg.Dir, natsDir)
	to := from + ".damaged-" + stamp
	err := os.Rename(from, to)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", fmt.Errorf("move the damaged store aside: %w", err)
	}
	return to, nil
}

// copyEvidence keeps the files of the evidence, as they are, under other names.
func (s *Store) copyEvidence(stamp string) (copies []string, err error) {
	for _, name := range []string{journal.JournalFile, journal.SnapshotFile} {
		path := filepath.Join(s.cfg.Dir, name)
		b, err := process.ReadFile(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err == nil {
			err = process.WriteFile(path+".damaged-"+stamp, b, 0o600)
		}
		if err != nil {
			return copies, fmt.Errorf("keep a copy of %s: %w", path, err)
		}
		copies = append(copies, path+".damaged-"+stamp)
	}
	return copies, nil
}

// refill makes a store in directory scratch of what can be read of the evidence, and of the audit log
// of the store that is there. Its revisions go on behind what was acknowledged, so that the evidence
// says of it, too, whether it is whole, wherever this ends.
func (s *Store) refill(ctx context.Context, ev *journal.Evidence, scratch string, out *Restored) (journal.Image, error) {
	events, audit := s.oldAudit(ctx, scratch)
	fresh := New(Config{Dir: scratch, Log: s.cfg.Log})
	c, err := fresh.connect(ctx)
	if err != nil {
		return journal.Image{}, err
	}
	defer c.close()
	if err := s.makeBucket(ctx, c.nc, ev.Revision+1); err != nil {
		return journal.Image{}, err
	}
	x, _, err := fresh.open(ctx, c, &journal.Evidence{})
	if err != nil {
		return journal.Image{}, err
	}
	out.Audit = audit
	for _, e := range events {
		if _, err := x.js.Publish(ctx, subjAudit, e); err != nil {
			return journal.Image{}, fmt.Errorf("write audit log: %w", err)
		}
	}
	var image journal.Image
	for _, r := range ev.Image.Records() {
		ack, err := x.js.Publish(ctx, subjState+r.Key, r.Value)
		if err != nil {
			return journal.Image{}, fmt.Errorf("write %s: %w", keyText(r.Key), err)
		}
		r.Revision = ack.Sequence
		image.Apply(r)
		if id, ok := strings.CutPrefix(r.Key, kindConnector+"."); ok { // when it was seen is lost: it is not to be forgotten for that
			if _, err := x.seenKV.PutString(ctx, id, s.cfg.Now().UTC().Format(time.RFC3339)); err != nil {
				return journal.Image{}, fmt.Errorf("note that %s was seen: %w", id, err)
			}
		}
	}
	return image, nil
}

// makeBucket makes the bucket of the state, whose first revision is first.
func (s *Store) makeBucket(ctx context.Context, nc *nats.Conn, first uint64) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	// Another one is there first: NATS removes the directory of all streams behind the last that is
	// deleted, by itself and later, while the next one is made in it.
	for _, cfg := range []jetstream.KeyValueConfig{bucketOf(bucketSeen, seenDescription), bucketOf(bucketState, stateDescription)} {
		if _, err := js.CreateKeyValue(ctx, cfg); err != nil {
			return err
		}
	}
	st, err := js.Stream(ctx, streamState) // as a bucket is made, but for its first revision
	if err != nil {
		return err
	}
	cfg := st.CachedInfo().Config
	cfg.FirstSeq = first
	if err := js.DeleteStream(ctx, streamState); err != nil {
		return err
	}
	_, err = js.CreateStream(ctx, cfg)
	return err
}

// accept begins the evidence anew with what the store has.
func (s *Store) accept(ctx context.Context, ev *journal.Evidence, how Restore, out *Restored) error {
	if !s.hasStore() {
		return &advice.Error{
			Text:   "restore " + s.cfg.Dir + ": there is no store to accept",
			Advice: "put the state directory back from a backup; or make the store anew from what was acknowledged: oneping edge restore" + s.stateDirFlag(),
		}
	}
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.close()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	_, w, found, err := s.read(ctx, c, &journal.Evidence{None: true})
	if err != nil {
		return err
	}
	_ = w.Stop()
	d := ev.Compare(&found.Store)
	out.Parts, out.Lost, out.Back = partsOf(found.Live), len(d.Lost)+len(d.Older), len(d.Risen)
	if how.DryRun {
		return nil
	}
	if out.Aside, err = s.copyEvidence(s.cfg.Now().UTC().Format("20060102T150405")); err != nil {
		return err
	}
	return s.saveEvidence(ev, found.image())
}

// saveEvidence writes journal and snapshot of a store that is as it should be.
func (s *Store) saveEvidence(ev *journal.Evidence, image journal.Image) error {
	j := journal.Renew(s.cfg.Dir, ev, image)
	if err := j.Save(); err != nil {
		return err
	}
	if err := j.Close(); err != nil {
		return err
	}
	return s.mark()
}

// partsOf counts entries by kind.
func partsOf(entries map[string]journal.Entry) []Part {
	var keys []string
	for key := range entries {
		keys = append(keys, key)
	}
	n := count(keys)
	out := []Part{}
	for _, k := range kinds() {
		if n[k.key] > 0 {
			out = append(out, Part{k.one, n[k.key]})
		}
	}
	return out
}
