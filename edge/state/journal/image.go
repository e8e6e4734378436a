package journal

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"
)

// Entry is what a key has.
type Entry struct {
	Revision uint64
	Value    []byte
}

// Image is a state of the store: every key with its value, at one revision. Its zero value is the
// empty store. It is used by one goroutine at a time.
type Image struct {
	revision uint64
	entries  map[string]Entry
	gone     map[string]uint64 // deleted keys that are remembered, with the revision of their end
	sum      Sum
	notes    map[string]uint64 // numbers beside the state
}

// Revision returns the newest revision that the image has seen.
func (im *Image) Revision() uint64 { return im.revision }

// Entries returns the keys that exist. The map is the image's own.
func (im *Image) Entries() map[string]Entry { return im.entries }

// Sum returns the sum of keys and values.
func (im *Image) Sum() Sum { return im.sum }

// Noted returns the newest number under a name, 0 where there is none.
func (im *Image) Noted(name string) uint64 { return im.notes[name] }

// note returns the record of a number under a name.
func (im *Image) note(name string, n uint64) Record {
	return Record{Revision: im.revision, Op: Note, Key: name, Value: binary.BigEndian.AppendUint64(nil, n)}
}

// Remember notes a number under a name.
func (im *Image) Remember(name string, n uint64) { im.Apply(im.note(name, n)) }

// Apply takes a change in.
func (im *Image) Apply(r Record) {
	if im.entries == nil {
		im.entries, im.gone, im.notes = map[string]Entry{}, map[string]uint64{}, map[string]uint64{}
	}
	im.revision = max(im.revision, r.Revision)
	switch {
	case r.Op == Note && len(r.Value) == 8:
		im.notes[r.Key] = binary.BigEndian.Uint64(r.Value)
		return
	case r.Op == Begin || r.Op == Note:
		return
	}
	if old, ok := im.entries[r.Key]; ok {
		im.sum.toggle(r.Key, old.Value)
		delete(im.entries, r.Key)
	}
	if r.Op == Delete {
		im.gone[r.Key] = r.Revision
		return
	}
	delete(im.gone, r.Key)
	im.entries[r.Key] = Entry{r.Revision, r.Value}
	im.sum.toggle(r.Key, r.Value)
}

// seen returns at which revision a key changed last, as far as is remembered.
func (im *Image) seen(key string) uint64 { return max(im.entries[key].Revision, im.gone[key]) }

// frame returns r with what there is now, after it.
func (im *Image) frame(r Record) *framed { return &framed{r, uint32(len(im.entries)), im.sum} }

// Records returns the image as records, oldest first: the same ones for the same image.
func (im *Image) Records() []Record {
	out := make([]Record, 0, len(im.entries))
	for _, key := range slices.Sorted(maps.Keys(im.entries)) {
		e := im.entries[key]
		out = append(out, Record{Revision: e.Revision, Op: Put, Key: key, Value: e.Value})
	}
	slices.SortStableFunc(out, func(a, b Record) int { return cmp.Compare(a.Revision, b.Revision) })
	return out
}
