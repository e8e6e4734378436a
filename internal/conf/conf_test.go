package conf

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

type sample struct {
	Listen  string         `yaml:"listen"`
	Capture []netip.Prefix `yaml:"capture"`
	MTU     int            `yaml:"mtu"`
}

func TestParse(t *testing.T) {
	for name, c := range map[string]struct {
		text string
		want sample
		err  string
	}{
		"good":    {"listen: :7844\ncapture: [10.0.0.0/8]\n", sample{Listen: ":7844", Capture: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}, ""},
		"empty":   {"", sample{MTU: 1}, ""},
		"comment": {"# nothing\n", sample{MTU: 1}, ""},
		"unknown": {"listen: x\nlistn: y\nmtuu: 3\n", sample{}, "read f:\n  line 2: unknown key \"listn\"; did you mean \"listen\"?\n  line 3: unknown key \"mtuu\"; did you mean \"mtu\"?"},
		"type":    {"mtu: many\n", sample{}, `read f: line 1: mtu: "many" is not a whole number`},
		"prefix":  {"capture: [nothing]\n", sample{}, `read f: line 1: capture: "nothing" is not a prefix, such as 10.0.0.0/8 or fd00::/64`},
		"syntax":  {"listen: [", sample{}, "read f: line 1: a value is missing"},
		"two":     {"mtu: 1\n---\nmtu: 2\n", sample{}, "read f: a second document; one file holds one"},
	} {
		got := sample{}
		if c.want.MTU != 0 {
			got.MTU = c.want.MTU // an empty file changes nothing
		}
		err := Parse("f", []byte(c.text), &got)
		if c.err != "" {
			if err == nil || err.Error() != c.err {
				t.Errorf("%s: %v, want %s", name, err, c.err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); err != nil || diff != "" {
			t.Errorf("%s: %v %s", name, err, diff)
		}
	}
}

func TestLoad(t *testing.T) {
	path := filepath.Join(t.TempDir(), "edge.yaml")
	var v sample
	err := Load(path, &v)
	if !errors.Is(err, fs.ErrNotExist) || err.Error() != "read "+path+": no such file or directory" {
		t.Errorf("missing file: %v", err)
	}
	if err := os.WriteFile(path, []byte("mtu: 1400\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := Load(path, &v); err != nil || v.MTU != 1400 {
		t.Errorf("a good file: %v, %+v", err, v)
	}
}

func FuzzParse(f *testing.F) {
	good := "listen: \":7844\"\ncapture: [10.0.0.0/8, \"fd00::/8\"]\nmtu: 1400\n"
	for i := range len(good) + 1 {
		f.Add([]byte(good[:i]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var v sample
		if err := Parse("f", b, &v); err != nil && err.Error() == "" {
			t.Error("an error without words")
		}
	})
}
