package icmp

import (
	"context"

	"github.com/oneping/oneping/internal/sock"
	"github.com/oneping/oneping/proto/packet"
)

// wired is the transport of a simulation: the table strategy over packets in memory.
type wired struct {
	wire sock.Wire
	ids  *idents
	nat  *NAT
}

func newWired(w sock.Wire) *wired { return &wired{wire: w, ids: newIdents()} }

func (t *wired) name() string  { return "wire" }
func (t *wired) attach(n *NAT) { t.nat = n }
func (t *wired) close()        {}

func (t *wired) open(v6 bool, want uint16) (uint16, error) { return t.ids.acquire(v6, want) }
func (t *wired) release(out outer)                         { t.ids.release(out) }

func (t *wired) send(out outer, p *packet.Packet, ttl uint8) packet.Verdict {
	src := t.wire.Source(p.Dst)
	if !src.IsValid() {
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	}
	t.wire.Send(packet.AppendEcho(nil, &packet.Echo{
		Src: src, Dst: p.Dst, Ident: out.ident, Seq: p.Seq, TTL: ttl, TOS: p.TOS, DF: p.DF, ID: uint16(p.ID), Payload: p.Payload(),
	}))
	return packet.Verdict{}
}

func (t *wired) run(ctx context.Context) error {
	return t.wire.Receive(ctx, func(b []byte) {
		var p packet.Packet
		if packet.Parse(b, &p) != packet.OK || p.Class != packet.ClassICMP {
			return
		}
		t.nat.incoming(p.Transport(), message{from: p.Src, ttl: p.TTL, tos: p.TOS})
	})
}

var _ transport = (*wired)(nil)
