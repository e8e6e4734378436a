package flow

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/proto"
)

var addr1, addr2 = netip.MustParseAddrPort("100.96.0.1:4000"), netip.MustParseAddrPort("172.16.10.120:80")

func TestBudgetIsShared(t *testing.T) {
	b := NewBudget(1 << 20)
	alice := []*Holding{b.Open("alice", addr1, addr2, nil), b.Open("alice", addr1, addr2, nil)}
	bob := b.Open("bob", addr1, addr2, nil)
	for _, h := range alice {
		h.promise(64 << 10)
	}
	// Below half of the budget nobody is asked.
	if !alice[0].grow(384 << 10) {
		t.Fatal("an empty budget refuses")
	}
	// Above it, nobody holds more than a share.
	if alice[1].grow(64 << 10) {
		t.Error("alice holds more than half and gets more")
	}
	if bob.tight() || !bob.grow(192<<10) {
		t.Error("bob holds nothing and is refused")
	}
	// And above three quarters nobody gets more.
	if bob.grow(128 << 10) {
		t.Error("more than three quarters are promised")
	}
	bob.promise(128 << 10)
	if !bob.tight() {
		t.Error("above three quarters nothing is tight")
	}
	for _, h := range append(alice, bob) {
		h.Release()
		h.Release()
	}
	if b.total.Load() != 0 || len(b.owners) != 0 || len(b.holdings) != 0 {
		t.Errorf("%d bytes, %d owners, %d holdings are left", b.total.Load(), len(b.owners), len(b.holdings))
	}
}

func TestStuckFlowsAreEndedWhenMemoryIsShort(t *testing.T) { synctest.Test(t, stuckFlowsEnd) }

func stuckFlowsEnd(t *testing.T) {
	b := NewBudget(1 << 20)
	var ended []string
	open := func(owner string, bytes int) *Holding {
		h := b.Open(owner, addr1, addr2, nil)
		h.end = func(c proto.Code) {
			if c != proto.CodeMemoryShort {
				t.Errorf("ended with %v", c)
			}
			ended = append(ended, owner)
		}
		h.hold(bytes)
		return h
	}
	now := time.Now()
	small, large, moving := open("alice", 100<<10), open("bob", 400<<10), open("bob", 500<<10)
	second := open("bob", 10<<10)
	time.Sleep(stuckAfter)
	moving.moved()
	if n := b.Relieve(now.Add(stuckAfter - time.Second)); n != 0 {
		t.Errorf("%d flows ended that moved a moment ago", n)
	}
	if n := b.Relieve(now.Add(stuckAfter + time.Second)); n != 1 || !slices.Equal(ended, []string{"bob"}) || !large.Short() {
		t.Errorf("%d ended: %v; want the largest of the largest owner, which stands still", n, ended)
	}
	r := b.Usage(now.Add(stuckAfter + time.Second))
	if r.Ended != 1 || r.Stuck != 3 || r.StuckBytes != 510<<10 || r.Largest[0].Bytes != 400<<10 || r.Largest[0].Owner != "bob" {
		t.Errorf("report %+v", r)
	}
	if s := r.String(); !strings.HasPrefix(s, "3 of the TCP flows stand still and hold 510 KiB; most: 100.96.0.1:4000 → 172.16.10.120:80, 400 KiB since") {
		t.Error(s)
	}
	large.Release()
	if n := b.Relieve(now.Add(time.Hour)); n != 0 {
		t.Errorf("%d flows ended although there is room", n)
	}
	if small.Short() || second.Short() || moving.Short() {
		t.Error("others were ended")
	}
}

func TestANilBudgetBoundsNothing(t *testing.T) {
	var b *Budget
	h := b.Open("alice", addr1, addr2, nil)
	h.hold(1 << 40)
	h.moved()
	if h.tight() || !h.grow(1<<40) || h.overdrawn() || h.Short() {
		t.Error("nothing has a bound")
	}
	h.Release()
}
