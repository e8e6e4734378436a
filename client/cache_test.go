package client

import (
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/node/nodetest"
)

// TestDamagedCache: a damaged configuration is never believed; the next one takes its place.
func TestDamagedCache(t *testing.T) {
	want := network{
		Hops: []netip.Addr{netip.MustParseAddr("192.0.0.8")}, Addrs: []netip.Addr{netip.MustParseAddr("100.96.0.1")},
		Capture: []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("10.0.0.0/8")}, User: "alice@example.com", Edge: "e",
	}
	for _, d := range nodetest.Damages() {
		dir := t.TempDir()
		path := filepath.Join(dir, cacheName)
		if err := writeCache(dir, path, want); err != nil {
			t.Fatal(err)
		}
		if err := d.Do(path); err != nil {
			t.Fatal(err)
		}
		got, err := readCache(dir, path)
		text := "as before"
		switch {
		case d.Name == "missing":
			if err != nil || !reflect.DeepEqual(got, network{}) {
				t.Errorf("%s: %+v, %v", d.Name, got, err)
			}
			text = "none"
		case err != nil:
			if text = strings.ReplaceAll(err.Error(), dir, "DIR"); !strings.Contains(text, "DIR/config.json: ") || !reflect.DeepEqual(got, network{}) {
				t.Errorf("%s: %+v, %v", d.Name, got, err)
			}
		case !reflect.DeepEqual(got, want):
			t.Errorf("%s is believed: %+v", d.Name, got)
		}
		t.Logf("%-9s  %-11s  %-12s  %s", "client", cacheName, d.Name, text)
		if d.Name == "unreadable" || d.Name == "a FIFO" || d.Name == "a device" {
			if err := os.Remove(path); err != nil {
				t.Fatal(err)
			}
		}
		if err := writeCache(dir, path, want); err != nil {
			t.Errorf("%s: %v", d.Name, err)
		}
		if again, err := readCache(dir, path); err != nil || !reflect.DeepEqual(again, want) {
			t.Errorf("%s, made anew: %+v, %v", d.Name, again, err)
		}
	}
}
