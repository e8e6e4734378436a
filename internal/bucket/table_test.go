package bucket

import (
	"net/netip"
	"testing"
	"time"
)

func TestEachKeyHasItsOwnBucket(t *testing.T) {
	b, now := New[string](1, 3, 10), time.Unix(1000, 0)
	got := 0
	for range 10 {
		if b.Take("a", now) {
			got++
		}
	}
	if ok := b.Take("b", now); got != 3 || !ok {
		t.Errorf("a got %d of 3, b got one: %v", got, ok)
	}
	if !b.Take("a", now.Add(time.Second)) {
		t.Error("a second later a got none")
	}
	if n := b.Tokens("a", now.Add(3*time.Second)); n != 2 {
		t.Errorf("a has %v tokens, want 2", n)
	}
	if n := b.Tokens("c", now); n != 3 || len(b.keys) != 2 {
		t.Errorf("c has %v tokens and the table %d keys, want 3 and 2", n, len(b.keys))
	}
}

// TestAFullTableForgetsNoDebt: a flood of keys must not give a fresh bucket to those that have
// emptied theirs.
func TestAFullTableForgetsNoDebt(t *testing.T) {
	b, now := New[int](1, 2, 100), time.Unix(1000, 0)
	for k := range 100 {
		b.Take(k, now)
		b.Take(k, now)
	}
	let := 0
	for k := range 10_000 {
		if b.Take(100+k, now) {
			let++
		}
	}
	if let != 2 || len(b.keys) != 100 {
		t.Errorf("%d newcomers let through, %d keys; want 2 and 100", let, len(b.keys))
	}
	if b.Take(7, now) {
		t.Error("a key that had emptied its bucket got another")
	}
	later := now.Add(2 * time.Second) // all have paid
	if ok := b.Take(500, later); !ok || len(b.keys) != 1 {
		t.Errorf("later a newcomer got one: %v, %d keys; want true and 1", ok, len(b.keys))
	}
}

func TestNetwork(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.77": "192.0.2.0/24", "::ffff:192.0.2.77": "192.0.2.0/24", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "fe80::1%eth0": "fe80::/64",
	} {
		if got := Network(netip.MustParseAddr(in)); got.String() != want {
			t.Errorf("%s: %v, want %s", in, got, want)
		}
	}
	if got := Network(netip.Addr{}); got.IsValid() {
		t.Errorf("no address: %v", got)
	}
}
