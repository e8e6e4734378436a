//go:build linux

package conformance

import (
	"flag"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// TestConformance is the whole suite: rows side by side.
func TestConformance(t *testing.T) {
	program.Needs(t, "nft", "ethtool", "ip")
	t.Run("rows", func(t *testing.T) {
		t.Run("plain links", testPlainLinks)
		t.Run("narrow access", testNarrowAccess)
		t.Run("narrow uplink", testNarrowUplink)
		t.Run("narrow next", testNarrowNext)
		t.Run("narrow far", testNarrowFar)
	})
	t.Run("differences", func(t *testing.T) {
		if len(differences) > maxDifferences {
			t.Errorf("%d differences, at most %d are right", len(differences), maxDifferences)
		}
		if f := flag.Lookup("test.run"); f != nil && f.Value.String() != "" && f.Value.String() != "." {
			return // only some rows have run
		}
		for i := range differences {
			d := &differences[i]
			t.Logf("%4d times %s. %s (%s)", uses.by[d.name()], d.name(), d.reason, d.source)
			if uses.by[d.name()] == 0 {
				t.Errorf("%s: nothing differs there any more: take it out", d.name())
			}
		}
	})
}

// testPlainLinks sends the catalogue through rows without rate limits, then, in the
// same rows, through Linux routers with their own.
func testPlainLinks(t *testing.T) {
	t.Parallel()
	p := newRows(t, nil, newRow(t, pingSockets), newRow(t, rawSockets))
	for _, r := range p.oneping {
		r.settle(t)
	}
	probes := slices.Concat(catalogue(false), catalogue(true))
	t.Logf("%d probes", len(probes))
	if len(probes) < 200 {
		t.Errorf("%d probes, want at least 200", len(probes))
	}
	var missing sync.WaitGroup
	late := lastMissing()
	var all []*exchange
	missing.Go(func() { all = p.exchangeAll(t, late, reassembly) })
	t.Run("catalogue", func(t *testing.T) { p.compare(t, probes, quiet) })
	t.Run("limits", func(t *testing.T) { testLimits(t, p) })
	missing.Wait()
	t.Run("last missing", func(t *testing.T) { testLastMissing(t, late, all) })
}

// reassembly is how long the rest of a packet is waited for, and a little more.
const reassembly = 35 * time.Second

// lastMissing are fragments whose last one never comes.
func lastMissing() []probe {
	var out []probe
	for _, v6 := range []bool{false, true} {
		for _, proto := range []uint8{1, 17} {
			p := probe{proto: proto, dst: places[0].addr(v6), port: portOpen, ttl: 64, size: 120, want: silent, pieces: []piece{{0, 64, true}}}
			p.name = fmt.Sprintf("fragments %s, %s, last missing", version(v6), protoNames[proto])
			out = append(out, p)
		}
	}
	return out
}

// testLastMissing looks at what row (a) does not say.
func testLastMissing(t *testing.T, probes []probe, all []*exchange) {
	compareAll(t, probes, all)
	for _, y := range all[1:] {
		for i := range probes {
			testTimeout(t, &probes[i], y)
		}
	}
}

// testTimeout wants Time Exceeded code 1 from the edge for fragments whose last one never came.
func testTimeout(t *testing.T, p *probe, y *exchange) {
	t.Helper()
	got := y.got(p.key)
	if len(got) != 1 {
		t.Errorf("%v: %s: %s", y.row, p.name, show(got))
		return
	}
	for name, want := range map[string]string{
		"source": hops[0].addr(p.v6()).String(), "TTL": "64", "checksum": "good", "second word": "00000000", "quoted TTL": "64",
		"quoted source": "the laptop", "quoted fragment": "0 true", "quoted payload": "as sent, 64 bytes",
	} {
		if a := got[0]; a.value(name) != want {
			t.Errorf("%v: %s: %s: %s, want %s\n%s", y.row, p.name, name, a.value(name), want, a)
		}
	}
}
