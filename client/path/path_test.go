package path

import (
	"net/netip"
	"testing"
	"unsafe"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Sessions register again on another link, and not when the edge assigns something on the same one.
func TestALinkIsNewOnce(t *testing.T) {
	p, first, second := New(flow.NewBudget(1<<20)), new(link.Link), new(link.Link)
	a := Assignment{Addrs: []netip.Addr{laptop6, laptop4}, Hops: []netip.Addr{hop4}, IdleSeconds: 200}
	for i, c := range []struct {
		link  *link.Link
		epoch uint64
	}{{nil, 0}, {first, 1}, {first, 1}, {nil, 1}, {second, 2}, {second, 2}, {nil, 2}} {
		p.Update(c.link, a)
		st := p.current.Load().state
		if p.Link() != c.link || st.up != (c.link != nil) || st.epoch != c.epoch {
			t.Errorf("step %d: up %v, epoch %d, want %d", i, st.up, st.epoch, c.epoch)
		}
		if st.addr4 != laptop4 || st.addr6 != laptop6 || st.hop4 != hop4 || st.hop6.IsValid() || st.idle != 200 {
			t.Errorf("step %d: %+v", i, st)
		}
	}
}

func TestDatagramOfALinkThatWasReplaced(t *testing.T) {
	p := New(flow.NewBudget(1 << 20))
	if r := p.Datagram(new(link.Link), []byte{byte(proto.TypeUDPPayload)}); r != packet.Closed || p.Tally().Get(packet.Closed) != 1 {
		t.Errorf("%s, counted %v", r, p.Status().Reasons)
	}
}

// What the loop does with an outcome is counted by its reason, and what comes beside it on its own.
func TestCarryOut(t *testing.T) {
	p := New(flow.NewBudget(1 << 20))
	p.Attach(&script{}, nil) // takes no packet
	o := outcome{reason: packet.Denied, also: packet.Superseded, to: theHost, pkt: []byte{1}, denial: &proto.Denial{ID: 7}}
	if r := p.carryOut(nil, &o); r != packet.SendFailed {
		t.Errorf("the device takes nothing: %s", r)
	}
	if p.Tally().Get(packet.Superseded) != 1 || len(p.Denials()) != 1 || p.Status().Denied != 1 {
		t.Errorf("counted %v, denials %v", p.Status().Reasons, p.Denials())
	}
	o.to = nobody
	if r := p.carryOut(nil, &o); r != packet.Denied {
		t.Errorf("%s, want the reason", r)
	}
}

// See the last field of outcome.
func TestOutcomesAreCopiedWithoutOverlap(t *testing.T) {
	if n := unsafe.Sizeof(outcome{}); n%16 != 0 {
		t.Errorf("an outcome has %d bytes, which are no multiple of 16", n)
	}
}
