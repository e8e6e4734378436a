package state

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/model"
)

// small is a pool of five addresses beside the hop.
func small(t *testing.T, now func() time.Time, watch *stopwatch) *Store {
	t.Helper()
	s, _ := open(t, Config{Dir: t.TempDir(), Prefix4: prefix("10.9.0.0/29"), Prefix6: prefix("fd12:3456:789a::/64"), Now: now, Elapsed: watch.now})
	s.Reserve([]netip.Addr{netip.MustParseAddr("10.9.0.6"), netip.MustParseAddr("fd12:3456:789a::1")})
	return s
}

// allocate enrols device n.
func allocate(t *testing.T, s *Store, n int) (model.Device, error) {
	t.Helper()
	return s.AllocateDevice(t.Context(), model.Device{ID: fmt.Sprint("d", n), User: "alice", KeyHash: []byte{byte(n)}})
}

// The pool gives out neither its own address, nor broadcast, nor the hop; the device after the last
// is told that the pool is full. Addresses of a revoked device rest, by the clock on the wall and by
// the stopwatch, and come back only when there is no other.
func TestPool(t *testing.T) {
	now, watch := time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), new(stopwatch)
	s := small(t, func() time.Time { return now }, watch)
	var got []string
	for n := range 5 {
		d, err := allocate(t, s, n)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, d.Addr4.String(), d.Addr6.String())
	}
	if want := []string{
		"10.9.0.1", "fd12:3456:789a::2", "10.9.0.2", "fd12:3456:789a::3", "10.9.0.3", "fd12:3456:789a::4",
		"10.9.0.4", "fd12:3456:789a::5", "10.9.0.5", "fd12:3456:789a::6",
	}; !slices.Equal(got, want) {
		t.Errorf("given out: %v", got)
	}
	full := func(when string) {
		t.Helper()
		_, err := allocate(t, s, 5)
		if why(err) != PoolFull || err.Error() != "the pool 10.9.0.0/29 is full: 5 devices have all of its addresses" {
			t.Errorf("%s: %v", when, err)
		}
		if room := s.CheckRoom(); why(room) != PoolFull {
			t.Errorf("%s: room: %v", when, room)
		}
	}
	full("at first")
	for _, n := range []int{3, 1} {
		if err := s.RevokeDevice(t.Context(), fmt.Sprint("d", n)); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Minute)
	}
	full("just revoked")
	now = now.AddDate(10, 0, 0)
	full("with a clock that was set forward")
	now = now.AddDate(-10, 0, 0)
	watch.forward(defaultRest)
	full("with a clock that stands")
	now = now.Add(defaultRest)
	if err := s.CheckRoom(); err != nil {
		t.Errorf("room: %v", err)
	}
	d, err := allocate(t, s, 5)
	if err != nil || d.Addr4.String() != "10.9.0.4" || d.Addr6.String() != "fd12:3456:789a::5" {
		t.Errorf("the address that was given back first: %v, %v", d.Addrs(), err)
	}
	sn := s.Snapshot()
	if old := sn.Devices["d3"]; !old.Revoked || len(old.Addrs()) != 0 || len(sn.Devices) != 6 {
		t.Errorf("whose it was: %+v", old)
	}
	if d, err := allocate(t, s, 6); err != nil || d.Addr4.String() != "10.9.0.2" {
		t.Errorf("the other one: %v, %v", d.Addrs(), err)
	}
	if _, err := allocate(t, s, 7); why(err) != PoolFull {
		t.Errorf("and then: %v", err)
	}
}

// What is configured holds until a device has enrolled.
func TestPlanFollowsTheConfigurationAtFirst(t *testing.T) {
	dir := t.TempDir()
	plan := func(p4 string, enrol bool) string {
		t.Helper()
		cfg := Config{Dir: dir}
		if p4 != "" {
			cfg.Prefix4 = prefix(p4)
		}
		s, stop := open(t, cfg)
		defer stop()
		p, err := s.EnsurePlan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if enrol {
			if _, err := allocate(t, s, 1); err != nil {
				t.Fatal(err)
			}
		}
		return p.Prefix4.String()
	}
	for i, c := range []struct {
		configured string
		enrol      bool
		want       string
	}{
		{"", false, "100.96.0.0/12"}, {"10.9.0.0/24", false, "10.9.0.0/24"}, {"", false, "10.9.0.0/24"}, {"10.8.0.0/24", true, "10.8.0.0/24"}, {"10.7.0.0/24", false, "10.8.0.0/24"},
	} {
		if got := plan(c.configured, c.enrol); got != c.want {
			t.Errorf("start %d with %q: %s, want %s", i, c.configured, got, c.want)
		}
	}
}
