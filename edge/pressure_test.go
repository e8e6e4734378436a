package edge

import (
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/memory"
	"github.com/oneping/oneping/proto"
)

// fakeLink is a link whose traffic a test makes up.
type fakeLink struct {
	name   string
	t      link.Traffic
	closed []proto.Code
	onEnd  func()
}

func (f *fakeLink) Traffic() link.Traffic  { return f.t }
func (f *fakeLink) Remote() netip.AddrPort { return netip.AddrPort{} }

func (f *fakeLink) Close(code proto.Code, _ string) error {
	f.closed = append(f.closed, code)
	if f.onEnd != nil {
		f.onEnd()
	}
	return nil
}

// patient is a watchdog over a made-up process.
type patient struct {
	w                            *watchdog
	live, garbage, held          uint64
	collected, released, lookups int
	links                        []*fakeLink
	logs                         *observer.ObservedLogs
}

func newPatient(limit uint64, links ...*fakeLink) *patient {
	core, logs := observer.New(zap.InfoLevel)
	p := &patient{links: links, logs: logs}
	p.w = &watchdog{
		limit: limit,
		read: func() memory.Reading {
			return memory.Reading{Live: p.live + p.garbage, Held: max(p.held, p.live+p.garbage)}
		},
		collect: func() {
			p.garbage = 0
			p.collected++
		},
		release: func() {
			p.held = p.live
			p.released++
		},
		links: func() []holder {
			p.lookups++
			var out []holder
			for _, l := range p.links {
				if len(l.closed) == 0 {
					out = append(out, l)
				}
			}
			return out
		},
		log: zap.New(core),
	}
	return p
}

// after runs the watchdog for d of virtual time.
func (p *patient) after(t *testing.T, d time.Duration) {
	t.Helper()
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(lookEvery) {
		p.w.look(time.Now())
	}
}

const mib = 1 << 20

func TestMemoryGetsShortAndSufficesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(100 * mib)
		for _, step := range []struct {
			live  uint64
			short bool
		}{{38, false}, {46, true}, {43, true}, {39, false}, {43, false}, {55, true}, {10, false}} {
			p.live = step.live * mib
			p.after(t, 2*time.Second)
			if got := p.w.short.Load(); got != step.short {
				t.Errorf("%d of 100 MiB: short %v, want %v", step.live, got, step.short)
			}
		}
		if n := p.logs.Len(); n != 4 {
			t.Errorf("%d lines of log, want one a change: %v", n, p.logs.All())
		}
	})
}

// TestGarbageIsNoShortage: a busy edge makes garbage up to twice what lives.
func TestGarbageIsNoShortage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		greedy := &fakeLink{t: link.Traffic{Received: mib}}
		p := newPatient(100*mib, greedy)
		p.live = 30 * mib
		for range 100 {
			p.garbage += 10 * mib
			p.after(t, lookEvery)
			if p.w.short.Load() {
				t.Fatalf("short with %d MiB of garbage", p.garbage/mib)
			}
		}
		if len(greedy.closed) > 0 || p.collected == 0 || p.collected > 30 {
			t.Errorf("closed %v, %d collections in 10 s", greedy.closed, p.collected)
		}
	})
}

// TestTheLinkThatHoldsMostEnds: largest first, one at a time, until it suffices; honest ones stay,
// however fast.
func TestTheLinkThatHoldsMostEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fast := &fakeLink{name: "fast"}
		small, large := &fakeLink{name: "small"}, &fakeLink{name: "large"}
		p := newPatient(100*mib, small, fast, large)
		small.onEnd = func() { p.live -= 5 * mib }
		large.onEnd = func() { p.live -= 30 * mib }
		p.live = 5 * mib
		for range 50 { // 1-byte frames cost little on the wire; 100 MB/s are read on the fast link
			fast.t.Received, fast.t.Consumed, fast.t.Packets = fast.t.Received+10_500_000, fast.t.Consumed+10_000_000, fast.t.Packets+8_700
			small.t.Received, small.t.Packets = small.t.Received+5_000, small.t.Packets+5
			large.t.Received, large.t.Packets = large.t.Received+25_000, large.t.Packets+25
			p.live += mib
			p.after(t, lookEvery)
		}
		if len(large.closed) > 0 {
			t.Fatalf("ended with %d of 100 MiB", p.live/mib)
		}
		p.live = 62 * mib
		p.after(t, time.Second)
		if !slices.Equal(large.closed, []proto.Code{proto.CodeTooMany}) || len(small.closed)+len(fast.closed) > 0 {
			t.Errorf("at 62 of 100 MiB: large %v, small %v, fast %v ended; want the large one alone", large.closed, small.closed, fast.closed)
		}
		p.live = 90 * mib
		p.after(t, time.Second)
		if len(small.closed) != 1 || len(fast.closed) > 0 {
			t.Errorf("at 90 of 100 MiB: small %v, fast %v ended; want the small one", small.closed, fast.closed)
		}
		if got := p.w.status(); got.Ended != 2 || !got.Short || got.Limit != 100*mib {
			t.Errorf("status %+v", got)
		}
	})
}

// TestWhatIsOwedEndsLinksBeforeItIsCollected: many that owe at once are quicker than a collection of
// garbage on a busy machine. Where memory suffices, owing is nobody's fault.
func TestWhatIsOwedEndsLinksBeforeItIsCollected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		honest := &fakeLink{t: link.Traffic{Received: 30 << 10}}
		links := []*fakeLink{honest}
		for range 8 {
			links = append(links, &fakeLink{t: link.Traffic{Received: 400 << 10}}) // 50 MiB together
		}
		p := newPatient(100*mib, links...)
		p.live = 39 * mib
		p.after(t, time.Second)
		if n := p.w.status().Ended; n != 0 {
			t.Fatalf("%d ended although memory suffices", n)
		}
		p.live = 41 * mib
		p.w.collect = func() {
			if n := p.w.status().Ended; n != 4 {
				t.Errorf("%d ended before the first collection, want the half of the eight at once", n)
			}
		}
		p.after(t, 2*lookEvery)
		p.after(t, time.Second)
		if n := p.w.status().Ended; n != 4 || len(honest.closed) > 0 {
			t.Errorf("%d ended, the honest one %v: half of it is owed and leaves room", n, honest.closed)
		}
	})
}

// TestADebtIsForgotten: what was lost or sent twice is no memory for ever.
func TestADebtIsForgotten(t *testing.T) {
	d := debt{}
	d.charge(link.Traffic{Received: 1_064_000, Packets: 1000}, time.Second)
	if int(d.bytes) != 1_000_000 {
		t.Errorf("%v bytes, want a million", d.bytes)
	}
	d.charge(link.Traffic{Received: 1_064_000, Packets: 1000}, 30*time.Second)
	if int(d.bytes) != 500_000 {
		t.Errorf("30 s later %v bytes, want half of it", d.bytes)
	}
	d.charge(link.Traffic{Received: 1_064_000, Packets: 1000, Consumed: 1_000_000}, 0)
	if d.bytes != 0 {
		t.Errorf("read, %v bytes are left", d.bytes)
	}
}

func TestMemoryIsGivenBackAfterAFlood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(1024 * mib)
		p.live, p.held = 100*mib, 250*mib
		p.after(t, time.Minute)
		if p.released != 0 {
			t.Errorf("given back %d times where next to nothing is spare", p.released)
		}
		p.held, p.garbage = 800*mib, 400*mib // which nobody has collected since
		p.after(t, time.Minute)
		if p.released != 1 {
			t.Errorf("given back %d times, want once", p.released)
		}
	})
}

// TestWithoutALimitNothingIsShort: on a system that names none.
func TestWithoutALimitNothingIsShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPatient(0, &fakeLink{t: link.Traffic{Received: mib}})
		p.live = 1 << 40
		p.after(t, time.Second)
		if p.w.short.Load() || len(p.links[0].closed) > 0 || p.collected > 0 {
			t.Error("it did something")
		}
	})
}
