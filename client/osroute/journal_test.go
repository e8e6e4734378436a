package osroute

import (
	"encoding/json"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/node/nodetest"
)

// golden is a journal as it is on disk; the next version of oneping reads it.
const golden = `{
  "format": 1,
  "boot": "6c2a",
  "namespace": "net:[4026531840]",
  "claims": [
    {
      "device": "oneping0",
      "table": 7844,
      "priority": 5000
    }
  ],
  "device": {
    "name": "oneping0",
    "index": 7,
    "mtu": 1400,
    "queue": 500,
    "up": true,
    "multicast": true,
    "multicast_route": true,
    "addrs": [
      "10.0.0.1/32"
    ],
    "settings": {
      "ipv4/rp_filter": "1"
    }
  },
  "sha256": "7d5b8297e74af8c4c989936ebf0200a67adea40a2e44b9704330e207d09fc33a"
}
`

func goldenJournal() journal {
	return journal{
		Format: 1, Boot: "6c2a", Namespace: "net:[4026531840]", Claims: []claim{{"oneping0", 7844, 5000}},
		Device: &deviceState{
			Name: "oneping0", Index: 7, MTU: 1400, Queue: 500, Up: true, Multicast: true, MulticastRoute: true,
			Addrs: []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32")}, Settings: map[string]string{"ipv4/rp_filter": "1"},
		},
	}
}

func TestJournalOnDisk(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "host.json")
	for range 2 { // the second replaces the first
		if err := writeJournal(path, goldenJournal()); err != nil {
			t.Fatal(err)
		}
	}
	b, err := os.ReadFile(path)
	if d := cmp.Diff(golden, string(b)); err != nil || d != "" {
		t.Errorf("on disk: %v (-want +got):\n%s", err, d)
	}
	if fi, err := os.Stat(path); err != nil || fi.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", fi.Mode(), err)
	}
	got, err := readJournal(path)
	if d := cmp.Diff(goldenJournal(), got, cmp.AllowUnexported(journal{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); err != nil || d != "" {
		t.Errorf("read: %v (-want +got):\n%s", err, d)
	}
	if entries, _ := os.ReadDir(dir); len(entries) != 1 {
		t.Errorf("left beside it: %v", entries)
	}
	if err := removeJournal(path); err != nil {
		t.Error(err)
	}
	if err := removeJournal(path); err != nil {
		t.Error("remove again:", err)
	}
	if got, err := readJournal(path); err != nil || got.Claims != nil {
		t.Errorf("none: %+v, %v", got, err)
	}
}

// TestJournalRefuses shows what a journal cannot make us touch.
// TestDamagedJournal: what a damaged journal says of the host is never believed.
func TestDamagedJournal(t *testing.T) {
	for _, d := range nodetest.Damages() {
		dir := t.TempDir()
		path := filepath.Join(dir, "host.json")
		if err := writeJournal(path, goldenJournal()); err != nil {
			t.Fatal(err)
		}
		if err := d.Do(path); err != nil {
			t.Fatal(err)
		}
		got, err := readJournal(path)
		text := "as before"
		switch {
		case d.Name == "missing":
			if err != nil || got.Claims != nil {
				t.Errorf("%s: %+v, %v", d.Name, got, err)
			}
			text = "none"
		case err != nil:
			if text = strings.ReplaceAll(err.Error(), dir, "DIR"); got.Claims != nil || !strings.Contains(text, "DIR/host.json: ") {
				t.Errorf("%s: %+v, %v", d.Name, got, err)
			}
		case cmp.Diff(goldenJournal(), got, cmp.AllowUnexported(journal{}), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })) != "":
			t.Errorf("%s is believed: %+v", d.Name, got)
		}
		t.Logf("%-9s  %-11s  %-12s  %s", "client", "host.json", d.Name, text)
	}
}

func TestJournalRefuses(t *testing.T) {
	for what, text := range map[string]string{
		"empty":           "",
		"cut off":         golden[:200],
		"another format":  strings.Replace(golden, `"format": 1`, `"format": 2`, 1),
		"main table":      strings.Replace(golden, "7844", "254", 1),
		"local table":     strings.Replace(golden, "7844", "255", 1),
		"priority 0":      strings.Replace(golden, "5000", "0", 1),
		"main's priority": strings.Replace(golden, "5000", "32762", 1),
		"a path":          strings.Replace(golden, `"name": "oneping0"`, `"name": "../all"`, 1),
		"the parent":      strings.Replace(golden, `"name": "oneping0"`, `"name": ".."`, 1),
		"no index":        strings.Replace(golden, `"index": 7`, `"index": 0`, 1),
		"another setting": strings.Replace(golden, "rp_filter", "forwarding", 1),
		"too many claims": strings.Replace(golden, `"claims": [`, `"claims": [`+strings.Repeat(`{"device":"a","table":7844,"priority":5000},`, maxClaims), 1),
		"too large":       golden + strings.Repeat(" ", maxJournal),
	} {
		if j, err := parseJournal([]byte(text)); err == nil {
			t.Errorf("%s: taken as %+v", what, j)
		}
	}
}

func FuzzParseJournal(f *testing.F) {
	for i := range len(golden) + 1 {
		f.Add([]byte(golden[:i]))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := parseJournal(b)
		if err != nil {
			return
		}
		text, err := json.Marshal(j)
		if err != nil || len(text) > maxJournal {
			return // written larger than it was read: escapes
		}
		if again, err := parseJournal(text); err != nil || len(again.Claims) != len(j.Claims) {
			t.Fatalf("%s became %+v, %v", b, again, err)
		}
	})
}
