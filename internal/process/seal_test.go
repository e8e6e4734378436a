package process

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

type kept struct {
	Edges []string          `json:"edges"`
	Named map[string]string `json:"named,omitempty"`
	Idle  int               `json:"idle,omitempty"`
}

// TestSeal flips each bit and cuts at each byte of a file: it is refused, or read as it was.
func TestSeal(t *testing.T) {
	want := kept{Edges: []string{"192.0.2.1:7844", `"}`}, Named: map[string]string{"a": "b"}, Idle: 300}
	b, err := Seal(want)
	if err != nil || !json.Valid(b) {
		t.Fatalf("%v\n%s", err, b)
	}
	read := func(b []byte, what string, at int) {
		t.Helper()
		var got kept
		if err := Unseal(b, &got); err == nil && !reflect.DeepEqual(got, want) {
			t.Errorf("%s at %d is believed: %+v", what, at, got)
		}
	}
	var whole kept
	if err := Unseal(b, &whole); err != nil || !reflect.DeepEqual(whole, want) {
		t.Fatalf("%v, %+v", err, whole)
	}
	for i := range 8 * len(b) {
		c := bytes.Clone(b)
		c[i/8] ^= 1 << (i % 8)
		read(c, "a bit", i)
	}
	for i := range len(b) {
		read(b[:i], "a cut", i)
	}
	plain, err := json.MarshalIndent(want, "", "  ") // of an earlier oneping
	if err != nil {
		t.Fatal(err)
	}
	var old kept
	if err := Unseal(plain, &old); err != nil || !reflect.DeepEqual(old, want) {
		t.Errorf("%v, %+v", err, old)
	}
	var none struct{}
	if b, err := Seal(none); err != nil || Unseal(b, &none) != nil {
		t.Errorf("nothing: %s, %v", b, err)
	}
	for text, said := range map[string]string{"": "it is empty", " \n": "it is empty", "\x00\x00": "it holds nothing but zeros", `{"edges": [`: "it is damaged or cut short: no JSON at byte 11"} {
		if err := Unseal([]byte(text), &old); err == nil || err.Error() != said {
			t.Errorf("%q: %v, want %s", text, err, said)
		}
	}
}

func FuzzUnseal(f *testing.F) {
	b, err := Seal(kept{Edges: []string{"e:1"}, Idle: 1})
	if err != nil {
		f.Fatal(err)
	}
	for i := range len(b) + 1 {
		f.Add(b[:i])
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v kept
		if Unseal(b, &v) != nil {
			return
		}
		again, err := Seal(v)
		var w kept
		if err != nil || Unseal(again, &w) != nil {
			t.Errorf("%+v does not come back", v)
		}
	})
}
