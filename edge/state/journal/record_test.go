package journal

import (
	"bytes"
	"encoding/hex"
	"reflect"
	"strings"
	"testing"
)

func frameOf(rev uint64, op Op, key, value string) *framed {
	r := &framed{Record: Record{Revision: rev, Op: op, Key: key}, count: 3, sum: Sum{1, 2, 3}}
	if op == Put {
		r.Value = []byte(value)
	}
	return r
}

func TestRecordBytes(t *testing.T) {
	got := hex.EncodeToString(appendRecord(nil, frameOf(41, Put, "tunnel.a", `{"id":"a"}`)))
	want := strings.Join([]string{
		"6f707231", "f212bf25", "0000000a", "0008", "01", "00", "0000000000000029", "00000003",
		"01020300000000000000000000000000", hex.EncodeToString([]byte(`tunnel.a{"id":"a"}`)),
	}, "")
	if got != want {
		t.Errorf("encoded as\n%s, want\n%s", got, want)
	}
}

func TestRecordRoundTrip(t *testing.T) {
	for _, r := range []*framed{
		frameOf(0, Begin, "", ""), frameOf(1, Put, "policy", "x"), frameOf(1<<63, Delete, "device.b", ""), frameOf(2, Put, strings.Repeat("k", maxKey), ""),
	} {
		b := appendRecord(nil, r)
		got, n := parseRecord(append(b, "more"...))
		if r.Op == Put && len(r.Value) == 0 {
			got.Value = r.Value
		}
		if n != len(b) || !reflect.DeepEqual(&got, r) {
			t.Errorf("%v came back as %v, %d of %d bytes", r, got, n, len(b))
		}
		for i := range b[:min(len(b), 200)] {
			if _, n := parseRecord(b[:i]); n != 0 {
				t.Errorf("%d of %d bytes are a record of %d", i, len(b), n)
			}
		}
	}
}

// One bit that is another makes no other record, wherever it is.
func TestEveryBitOfARecordCounts(t *testing.T) {
	b := appendRecord(nil, frameOf(41, Put, "tunnel.a", `{"id":"a"}`))
	for i := range 8 * len(b) {
		b[i/8] ^= 1 << (i % 8)
		if _, n := parseRecord(b); n != 0 {
			t.Errorf("bit %d: still a record", i)
		}
		b[i/8] ^= 1 << (i % 8)
	}
}

func FuzzRecord(f *testing.F) {
	good := appendRecord(nil, frameOf(41, Put, "tunnel.a", "{}"))
	for i := range len(good) + 1 {
		f.Add(good[:i])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		r, n := parseRecord(b)
		if n == 0 {
			return
		}
		if again := appendRecord(nil, &r); r.Op == Put && !bytes.Equal(again, b[:n]) {
			t.Errorf("%x came back as %x", b[:n], again)
		}
	})
}

// FuzzFiles: whatever the files hold, reading them ends with an answer.
func FuzzFiles(f *testing.F) {
	im := imageOf("tunnel.a", "tunnel.b", "device.c")
	journal, snapshot := appendRecord(encodeJournal(im), im.frame(Record{Revision: 9, Op: Delete, Key: "tunnel.z"})), encodeSnapshot(im)
	for i := range len(journal) {
		f.Add(journal[:i], snapshot)
	}
	for i := range len(snapshot) {
		f.Add(journal, snapshot[:i])
	}
	f.Fuzz(func(t *testing.T, journal, snapshot []byte) {
		var ev Evidence
		ev.takeSnapshot(snapshot, false)
		ev.takeJournal(journal, false)
		if d := ev.Compare(&Store{}); ev.Revision > 0 && d.None() {
			t.Errorf("an empty store is what was acknowledged up to %d", ev.Revision)
		}
	})
}
