package table_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

var epoch = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

// at returns the time s seconds after the start of a test.
func at(s float64) time.Time { return epoch.Add(time.Duration(s * float64(time.Second))) }

func Example() {
	sessions := table.New[uint64, string](table.Config[uint64, string]{
		Max: 2, Keep: time.Minute,
		OnEvict: func(id uint64, socket string, _ packet.Reason) { fmt.Println("close", socket, "of", id) },
	})
	now := time.Now()
	sessions.Add(now, 1, "alice", "socket a", 5*time.Minute)
	sessions.Add(now.Add(10*time.Second), 2, "bob", "socket b", 5*time.Minute)
	fmt.Println(sessions.Add(now.Add(20*time.Second), 3, "carol", "socket c", 5*time.Minute))
	sessions.Touch(now.Add(30*time.Second), 1)
	fmt.Println(sessions.Add(now.Add(70*time.Second), 3, "carol", "socket c", 5*time.Minute))
	fmt.Println(sessions.Expire(now.Add(time.Hour)), sessions.Len())
	// Unordered output:
	// table full
	// close socket b of 2
	// ok
	// close socket a of 1
	// close socket c of 3
	// 2 0
}

// evictions collects what a table evicts.
type evictions struct {
	mu   sync.Mutex
	keys []int
	why  []packet.Reason
}

func (e *evictions) add(k int, _ string, why packet.Reason) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.keys, e.why = append(e.keys, k), append(e.why, why)
}

func TestAnEntryExpiresAfterItsOwnIdleTime(t *testing.T) {
	var out evictions
	tab := table.New[int, string](table.Config[int, string]{OnEvict: out.add})
	tab.Add(at(0), 1, "a", "", 30*time.Second)
	tab.Add(at(0), 2, "a", "", 300*time.Second)
	tab.Add(at(1), 3, "a", "", 30*time.Second)
	tab.Touch(at(20), 1)
	for _, step := range []struct {
		at   float64
		want []int
	}{{29.9, nil}, {31, []int{3}}, {49.9, []int{3}}, {50, []int{3, 1}}, {300, []int{3, 1, 2}}} {
		tab.Expire(at(step.at))
		if !slices.Equal(out.keys, step.want) {
			t.Fatalf("at %v s: evicted %v, want %v", step.at, out.keys, step.want)
		}
	}
}

func TestWhoMakesRoomInAFullTable(t *testing.T) {
	var out evictions
	tab := table.New[int, string](table.Config[int, string]{Max: 3, MaxPerOwner: 2, Keep: time.Minute, OnEvict: out.add})
	add := func(s float64, k int, owner string) packet.Reason { return tab.Add(at(s), k, owner, "", 5*time.Minute) }
	for i, step := range []struct {
		at    float64
		key   int
		owner string
		want  packet.Reason
		out   []int
	}{
		{0, 1, "a", packet.OK, nil},
		{1, 2, "a", packet.OK, nil},
		{2, 3, "a", packet.TableFull, nil}, // the owner's bound
		{3, 4, "b", packet.OK, nil},
		{4, 5, "c", packet.OK, []int{1}},        // a has more than its share: its idlest, however young
		{5, 6, "c", packet.TableFull, []int{1}}, // c has its share, and its own is young
		{6, 7, "d", packet.TableFull, []int{1}}, // more owners than places, and all are in use
		{60.9, 7, "d", packet.TableFull, []int{1}},
		{61, 7, "d", packet.OK, []int{1, 2}},         // the table's idlest, 60 s after its last use
		{62, 8, "b", packet.TableFull, []int{1, 2}},  // b has its share
		{63, 8, "b", packet.OK, []int{1, 2, 4}},      // its own, 60 s after its last use
		{64, 9, "c", packet.OK, []int{1, 2, 4, 5}},   // so c's
		{500, 10, "e", packet.OK, []int{1, 2, 4, 5}}, // all expired: any order
	} {
		if got := add(step.at, step.key, step.owner); got != step.want {
			t.Fatalf("step %d: got %v, want %v", i, got, step.want)
		}
		if got := out.keys; step.at < 500 && !slices.Equal(got, step.out) {
			t.Fatalf("step %d: evicted %v, want %v", i, got, step.out)
		}
	}
	slices.Sort(out.keys)
	if want := []int{1, 2, 4, 5, 7, 8, 9}; !slices.Equal(out.keys, want) || tab.Len() != 1 {
		t.Fatalf("evicted %v, want %v; %d left", out.keys, want, tab.Len())
	}
}

func TestWithoutKeepNothingMakesRoomEarly(t *testing.T) {
	tab := table.New[int, string](table.Config[int, string]{Max: 1})
	tab.Add(at(0), 1, "a", "", 5*time.Minute)
	if got := tab.Add(at(299), 2, "a", "", time.Minute); got != packet.TableFull {
		t.Fatalf("got %v", got)
	}
	if got := tab.Add(at(300), 2, "a", "", time.Minute); got != packet.OK {
		t.Fatalf("got %v", got)
	}
}

// Who keeps asking and is never answered keeps nobody out, itself least of all.
func TestTentativeEntriesMakeRoom(t *testing.T) {
	var out evictions
	tab := table.New[int, string](table.Config[int, string]{Max: 5, MaxPerOwner: 3, Keep: time.Minute, Tentative: true, OnEvict: out.add})
	confirm := func(k int) {
		if !tab.Confirm(k) {
			t.Fatalf("%d is not there", k)
		}
	}
	for i, step := range []struct {
		at      float64
		key     int
		owner   string
		confirm bool
		want    packet.Reason
		out     []int
	}{
		{0, 1, "a", true, packet.OK, nil},
		{1, 2, "a", false, packet.OK, nil},
		{2, 3, "a", false, packet.OK, nil},
		{3, 4, "a", true, packet.OK, []int{2}}, // the owner's bound: its idlest that is not confirmed
		{4, 5, "b", true, packet.OK, []int{2}},
		{5, 6, "b", false, packet.OK, []int{2}},
		{6, 7, "b", true, packet.OK, []int{2, 6}},            // the table's bound: its own
		{7, 8, "c", true, packet.OK, []int{2, 6, 3}},         // below its share: one of a's, which has most
		{8, 9, "c", false, packet.TableFull, []int{2, 6, 3}}, // has its share, confirmed and not beyond Keep
		{67, 9, "c", false, packet.OK, []int{2, 6, 3, 8}},
	} {
		if got := tab.Add(at(step.at), step.key, step.owner, "", 5*time.Minute); got != step.want || !slices.Equal(out.keys, step.out) {
			t.Fatalf("step %d: %v, evicted %v; want %v, %v", i, got, out.keys, step.want, step.out)
		}
		if step.confirm {
			confirm(step.key)
			confirm(step.key) // again changes nothing
		}
	}
	tab.Touch(at(68), 9)
	tab.Add(at(69), 10, "c", "", 5*time.Minute) // 9 is c's own and is not confirmed
	tab.Expire(at(1000))
	if want := []packet.Reason{packet.Superseded, packet.Timeout}; out.keys[4] != 9 || !slices.Equal(out.why[4:6], want) || tab.Len() != 0 {
		t.Errorf("evicted %v for %v, %d left", out.keys, out.why, tab.Len())
	}
	if tab.Confirm(9) {
		t.Error("confirmed what is gone")
	}
}

func TestAddAgainReplacesAndEvicts(t *testing.T) {
	var out []string
	tab := table.New[int, string](table.Config[int, string]{Max: 1, OnEvict: func(_ int, v string, _ packet.Reason) { out = append(out, v) }})
	tab.Add(at(0), 1, "a", "old", time.Minute)
	if got := tab.Add(at(1), 1, "b", "new", time.Minute); got != packet.OK {
		t.Fatalf("got %v", got)
	}
	var left []string
	tab.Range(func(_ int, owner, v string) bool { left = append(left, owner+" "+v); return true })
	if !slices.Equal(left, []string{"b new"}) || !slices.Equal(out, []string{"old"}) {
		t.Fatalf("left %q, evicted %q", left, out)
	}
}

func TestARefusedReplacementLeavesTheOldEntry(t *testing.T) {
	var out []string
	tab := table.New[int, string](table.Config[int, string]{MaxPerOwner: 1, OnEvict: func(_ int, v string, _ packet.Reason) { out = append(out, v) }})
	tab.Add(at(0), 1, "a", "old", time.Minute)
	tab.Add(at(0), 2, "b", "b's", time.Minute)
	if got := tab.Add(at(1), 1, "b", "new", time.Minute); got != packet.TableFull {
		t.Fatalf("got %v", got)
	}
	if v, _ := tab.Get(1); v != "old" || len(out) != 0 {
		t.Fatalf("got %q, evicted %v", v, out)
	}
}

func TestSetIdleCountsFromNow(t *testing.T) {
	tab := table.New[int, string](table.Config[int, string]{})
	tab.Add(at(0), 1, "a", "", 5*time.Minute)
	if !tab.SetIdle(at(10), 1, 30*time.Second) || tab.SetIdle(at(10), 2, time.Second) {
		t.Fatal("SetIdle reports the wrong presence")
	}
	if n := tab.Expire(at(39)); n != 0 {
		t.Fatalf("%d expired early", n)
	}
	if n := tab.Expire(at(40)); n != 1 {
		t.Fatalf("%d expired", n)
	}
}

func TestDeleteDoesNotCallOnEvict(t *testing.T) {
	tab := table.New[int, string](table.Config[int, string]{OnEvict: func(int, string, packet.Reason) { t.Error("called") }})
	tab.Add(at(0), 1, "a", "v", time.Minute)
	if v, ok := tab.Delete(1); v != "v" || !ok {
		t.Fatalf("got %q, %v", v, ok)
	}
	if _, ok := tab.Delete(1); ok {
		t.Fatal("deleted twice")
	}
}

// TestAgainstAModel runs random operations against a plain map.
func TestAgainstAModel(t *testing.T) {
	type item struct {
		owner int
		idle  time.Duration
		used  time.Time
	}
	r := rand.New(rand.NewPCG(1, 2))
	model := map[int]item{}
	tab := table.New[int, int](table.Config[int, int]{Max: 50, MaxPerOwner: 20, Keep: time.Minute, Tentative: true, OnEvict: func(k, _ int, _ packet.Reason) {
		delete(model, k)
	}})
	now := at(0)
	// refused says whether the newcomer is at its share, or above the owner's bound.
	refused := func(k, owner int) bool {
		owners, has := map[int]bool{owner: true}, 0
		for have, m := range model {
			if owners[m.owner] = true; m.owner == owner && have != k {
				has++
			}
		}
		return has >= min(20, 50/len(owners))
	}
	for range 100_000 {
		now = now.Add(time.Duration(r.IntN(2000)) * time.Millisecond)
		k, owner := r.IntN(100), r.IntN(5)
		switch r.IntN(5) {
		case 4:
			if _, want := model[k]; tab.Confirm(k) != want {
				t.Fatalf("Confirm(%d) = %v", k, !want)
			}
		case 0:
			idle := []time.Duration{30 * time.Second, time.Minute, 3 * time.Minute}[r.IntN(3)]
			if tab.Add(now, k, owner, k, idle) == packet.OK {
				model[k] = item{owner, idle, now}
			} else if !refused(k, owner) {
				t.Fatalf("%d of %d was refused below its share", k, owner)
			}
		case 1:
			if _, ok := tab.Touch(now, k); ok {
				m := model[k]
				m.used = now
				model[k] = m
			}
		case 2:
			tab.Expire(now)
			for k, m := range model {
				if now.Sub(m.used) >= m.idle {
					t.Fatalf("%d is still there", k)
				}
			}
		case 3:
			_, ok := tab.Get(k)
			if _, want := model[k]; ok != want {
				t.Fatalf("Get(%d) = %v, want %v", k, ok, want)
			}
		}
		if tab.Len() != len(model) || tab.Len() > 50 {
			t.Fatalf("%d entries, want %d", tab.Len(), len(model))
		}
	}
	n := 0
	tab.Range(func(k, o, v int) bool {
		if m := model[k]; m.owner != o || v != k {
			t.Fatalf("%d: owner %d, value %d; want %+v", k, o, v, m)
		}
		n++
		return true
	})
	if n != len(model) {
		t.Fatalf("Range saw %d of %d", n, len(model))
	}
}

func TestConcurrentUse(t *testing.T) {
	tab := table.New[int, int](table.Config[int, int]{Max: 64, MaxPerOwner: 32, Keep: time.Second, OnEvict: func(int, int, packet.Reason) {}})
	var wg sync.WaitGroup
	for w := range 8 {
		wg.Go(func() {
			for i := range 2000 {
				now := at(float64(i))
				k := (i*7 + w) % 100
				tab.Add(now, k, w, i, 10*time.Second)
				tab.Touch(now, k)
				tab.Range(func(int, int, int) bool { return false })
				tab.Delete(k + 1)
				tab.Expire(now)
			}
		})
	}
	wg.Wait()
	tab.Expire(at(1e6))
	if tab.Len() != 0 {
		t.Fatalf("%d left", tab.Len())
	}
}

func TestTouchDoesNotAllocate(t *testing.T) {
	tab := table.New[int, string](table.Config[int, string]{})
	for k := range 100 {
		tab.Add(at(0), k, "a", "", time.Minute)
	}
	i := 0
	if n := testing.AllocsPerRun(1000, func() { i++; tab.Touch(at(float64(i)/1000), i%100) }); n != 0 {
		t.Fatalf("%v allocations", n)
	}
}

func BenchmarkTouch(b *testing.B) {
	tab := table.New[int, string](table.Config[int, string]{})
	for k := range 4096 {
		tab.Add(at(0), k, "a", "", time.Minute)
	}
	now := at(1)
	for i := range b.N {
		tab.Touch(now, i%4096)
	}
}
