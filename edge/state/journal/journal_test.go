package journal

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"syscall"
	"testing"
)

// imageOf returns a store with these keys, the first at revision 1.
func imageOf(keys ...string) *Image {
	var im Image
	for i, key := range keys {
		im.Apply(Record{Revision: uint64(i + 1), Op: Put, Key: key, Value: []byte("value of " + key)})
	}
	return &im
}

// storeOf returns a store that has exactly an image.
func storeOf(im *Image) *Store {
	return &Store{Revision: im.revision, Live: maps.Clone(im.entries), Gone: maps.Clone(im.gone)}
}

// begun returns a disk with a journal of an image, and that journal.
func begun(t *testing.T, im *Image) (*memory, *Journal) {
	t.Helper()
	m := newMemory()
	own := Image{revision: im.revision, entries: maps.Clone(im.entries), gone: maps.Clone(im.gone), sum: im.sum, notes: map[string]uint64{}}
	j := renew(m, "state", &Evidence{None: true}, own)
	if err := j.Save(); err != nil {
		t.Fatal(err)
	}
	return m, j
}

func evidenceOf(t *testing.T, m *memory) *Evidence {
	t.Helper()
	ev, err := readEvidence(m)
	if err != nil {
		t.Fatal(err)
	}
	return ev
}

// change makes the nth change of a history: a new key, a changed one, a deleted one in turn.
func change(n int) Record {
	r := Record{Revision: uint64(n), Op: Put, Key: fmt.Sprintf("device.%d", n/3), Value: fmt.Appendf(nil, "%d", n)}
	if n%3 == 2 {
		r.Op, r.Value = Delete, nil
	}
	return r
}

func TestJournalKeeps(t *testing.T) {
	m, j := begun(t, imageOf("tunnel.a"))
	want := *imageOf("tunnel.a")
	for n := 2; n < 200; n++ {
		want.Apply(change(n))
		if err := j.Append(change(n)); err != nil {
			t.Fatal(err)
		}
		if n == 100 {
			if err := j.Save(); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	ev := evidenceOf(t, m)
	if len(ev.Faults) > 0 || !ev.Complete() || ev.Revision != 199 || ev.Image.sum != want.sum || j.Revision() != 199 {
		t.Errorf("evidence of revision %d with %v, complete %v", ev.Revision, ev.Faults, ev.Complete())
	}
	if d := ev.Compare(storeOf(&want)); !d.None() {
		t.Errorf("the same store differs: %+v", d)
	}
	again, err := resume(m, "state", ev)
	if err != nil {
		t.Fatal(err)
	}
	if err := again.Append(change(200), change(201)); err != nil {
		t.Fatal(err)
	}
	again.Note("audit", 7)
	if err := again.Append(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // in the journal, and in the snapshot
		if ev := evidenceOf(t, m); ev.Image.Noted("audit") != 7 || ev.Revision != 201 || !ev.Complete() {
			t.Errorf("noted %d at revision %d", ev.Image.Noted("audit"), ev.Revision)
		}
		if err := again.Save(); err != nil {
			t.Fatal(err)
		}
	}
	if ev := evidenceOf(t, m); len(ev.Faults) > 0 || !ev.Complete() || ev.Revision != 201 {
		t.Errorf("gone on with: revision %d, %v", ev.Revision, ev.Faults)
	}
}

func TestJournalBeginsAnewWhenItIsLong(t *testing.T) {
	m, j := begun(t, imageOf("tunnel.a"))
	value := make([]byte, 10_000)
	for n := uint64(2); !j.Long(); n++ {
		if err := j.Append(Record{Revision: n, Op: Put, Key: "policy", Value: value}); err != nil {
			t.Fatal(err)
		}
	}
	if j.end < minLength || j.end > minLength+20_000 {
		t.Errorf("it is long at %d", j.end)
	}
	if err := j.Save(); err != nil || j.Long() {
		t.Errorf("begun anew: %v, long %v", err, j.Long())
	}
	if ev := evidenceOf(t, m); !ev.Complete() || ev.Revision != j.Revision() || len(ev.Image.entries) != 2 {
		t.Errorf("evidence of revision %d, complete %v", ev.Revision, ev.Complete())
	}
}

// The machine goes at each step of a life: the first start, changes, a journal that begins anew, a
// restart. Whatever was acknowledged is in the evidence, and a store that is whole is never refused.
func TestEveryCrash(t *testing.T) {
	for _, r := range []rot{all, half, nothing} {
		for dies := 1; ; dies++ {
			if ended := crash(t, dies, r); ended {
				t.Logf("%d steps", dies)
				break
			}
		}
	}
}

// crash lives until step dies; it says that nothing was left to do before.
func crash(t *testing.T, dies int, r rot) (ended bool) {
	t.Helper()
	m := newMemory()
	m.dies = dies
	var store Image // what the store has: it is written first
	acknowledged := uint64(0)
	name := fmt.Sprintf("step %d, rot %d", dies, r)
	j := renew(m, "state", &Evidence{None: true}, Image{})
	for n := 1; n <= 12; n++ {
		release, err := j.Book(change(n).Key, change(n).Value)
		if err == nil {
			store.Apply(change(n))
			if err = j.Append(change(n)); err == nil {
				acknowledged = uint64(n)
			}
			release()
		}
		if err == nil && n%5 == 0 {
			err = j.Save()
		}
		if err != nil {
			break
		}
	}
	found := m.after(r)
	ev := evidenceOf(t, found)
	if ev.Revision < acknowledged && !ev.begun {
		t.Errorf("%s: %d was acknowledged, the evidence ends at %d", name, acknowledged, ev.Revision)
	}
	if d := ev.Compare(storeOf(&store)); !d.None() {
		t.Errorf("%s: a store that is whole is refused: %+v, %v", name, d, ev.Faults)
	}
	if acknowledged > 0 {
		var older Image
		for n := 1; n < int(acknowledged); n++ {
			older.Apply(change(n))
		}
		if d := ev.Compare(storeOf(&older)); d.None() {
			t.Errorf("%s: a store of revision %d is taken, %d was acknowledged", name, acknowledged-1, acknowledged)
		}
	}
	next, err := goOn(found, ev, store)
	if err == nil {
		err = next.Append(change(20))
	}
	if err != nil {
		t.Errorf("%s: the next start: %v", name, err)
	}
	if ev := evidenceOf(t, found); len(ev.Faults) > 0 || !ev.Complete() || ev.Revision != 20 {
		t.Errorf("%s: after the next start: revision %d, whole %v, %v", name, ev.Revision, ev.Whole(), ev.Faults)
	}
	return m.steps < dies
}

// goOn does what a start does.
func goOn(m *memory, ev *Evidence, store Image) (*Journal, error) {
	if ev.None || len(ev.Faults) > 0 {
		j := renew(m, "state", ev, store)
		return j, j.Save()
	}
	j, err := resume(m, "state", ev)
	if err != nil {
		return nil, err
	}
	return j, j.Append(store.since(ev.Revision)...)
}

// since returns the changes behind a revision, as far as the image remembers them.
func (im *Image) since(revision uint64) []Record {
	var out []Record
	for _, r := range im.Records() {
		if r.Revision > revision {
			out = append(out, r)
		}
	}
	for key, rev := range im.gone {
		if rev > revision {
			out = append(out, Record{Revision: rev, Op: Delete, Key: key})
		}
	}
	slices.SortFunc(out, func(a, b Record) int { return int(a.Revision) - int(b.Revision) })
	return out
}

// A full disk refuses what has not been made, and takes what has: there is room for it already.
func TestFullDisk(t *testing.T) {
	m, j := begun(t, imageOf("tunnel.a"))
	m.room = 0
	release, err := j.Book("policy", make([]byte, 1000))
	if err != nil {
		t.Fatal("there is room in the journal:", err)
	}
	if _, err := j.Book("policy", make([]byte, roomStep)); !errors.Is(err, syscall.ENOSPC) || err.Error() != "write state/journal: no space left on device" {
		t.Errorf("beyond the room: %v", err)
	}
	if err := j.Append(Record{Revision: 2, Op: Put, Key: "policy", Value: make([]byte, 1000)}); err != nil {
		t.Errorf("what was booked: %v", err)
	}
	release()
	// What nobody booked, another edge's change, is a debt until there is space.
	if err := j.Append(Record{Revision: 3, Op: Put, Key: "policy", Value: make([]byte, roomStep)}); !errors.Is(err, syscall.ENOSPC) {
		t.Errorf("not booked: %v", err)
	}
	if err := j.Append(change(4)); !errors.Is(err, syscall.ENOSPC) || j.Revision() != 2 {
		t.Errorf("behind a debt: %v, revision %d", err, j.Revision())
	}
	if ev := evidenceOf(t, m); ev.Revision != 2 || len(ev.Faults) > 0 {
		t.Errorf("on disk: revision %d, %v", ev.Revision, ev.Faults)
	}
	m.room = -1
	if _, err := j.Book("tunnel.b", nil); err != nil || j.Revision() != 4 {
		t.Errorf("with space again: %v, revision %d", err, j.Revision())
	}
	if ev := evidenceOf(t, m); ev.Revision != 4 || !ev.Complete() {
		t.Errorf("on disk: revision %d, %v", ev.Revision, ev.Faults)
	}
}

// A debt is bounded: beyond that both files are written anew.
func TestLongDebt(t *testing.T) {
	m, j := begun(t, imageOf("tunnel.a"))
	m.room = 0
	for n := uint64(2); n < 50; n++ {
		_ = j.Append(Record{Revision: n, Op: Put, Key: "policy", Value: make([]byte, roomStep)})
		if len(j.debt) > maxDebt+2*roomStep {
			t.Fatalf("a debt of %d bytes", len(j.debt))
		}
	}
	m.room = -1
	if err := j.Append(change(50)); err != nil || j.Revision() != 50 {
		t.Errorf("with space again: %v, revision %d", err, j.Revision())
	}
	if ev := evidenceOf(t, m); ev.Revision != 50 || !ev.Complete() {
		t.Errorf("on disk: revision %d, %v", ev.Revision, ev.Faults)
	}
}

// A journal that was closed leaves the files to the next one, whoever still asks it to write.
func TestClosedJournalWritesNothing(t *testing.T) {
	m, j := begun(t, imageOf("tunnel.a"))
	if err := j.Close(); err != nil {
		t.Fatal(err)
	}
	next, err := resume(m, "state", evidenceOf(t, m))
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Append(Record{Revision: 2, Op: Put, Key: "tunnel.b"}); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Book("tunnel.c", nil); err == nil {
		t.Error("booked")
	}
	if err := j.Append(Record{Revision: 2, Op: Put, Key: "tunnel.c"}); err == nil {
		t.Error("appended")
	}
	if err := j.Save(); err == nil {
		t.Error("saved")
	}
	if ev := evidenceOf(t, m); ev.Revision != 2 || ev.Count() != 2 || len(ev.Faults) > 0 {
		t.Errorf("%+v", ev)
	}
}
