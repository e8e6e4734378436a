package sim

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// numbered is payload i of a burst: small and large ones in turn, as a node that classed each by its
// own size would put into two queues.
func numbered(i int) []byte {
	b := make([]byte, 60+1140*(i%2))
	binary.BigEndian.PutUint32(b, uint32(i))
	return b
}

// probe lets the laptop send numbered UDP payload i in one session, with a TTL.
func (w *world) probe(i int, ttl uint8) {
	w.laptop.send(packet.AppendUDP(nil, &packet.UDPPacket{
		Src: netip.AddrPortFrom(laptop4, 5000), Dst: netip.AddrPortFrom(server4, 7), TTL: ttl, ID: uint16(i), Payload: numbered(i),
	}))
}

// wantInOrder fails unless what came to the laptop is number 0 to n-1, in this order.
func (w *world) wantInOrder(what string, n int, number func(a *arrival) int) {
	w.t.Helper()
	time.Sleep(time.Second)
	all := w.laptop.take()
	if len(all) != n {
		w.t.Errorf("%s: %d came, want %d", what, len(all), n)
	}
	for i := range all {
		if got := number(&all[i]); got != i {
			w.t.Errorf("%s: number %d came in place %d", what, got, i)
			return
		}
	}
}

// What has not taken different ways arrives in the order in which it left:
// payloads of one session, there and back, with and without the registration before them; echo
// requests of one identifier; the errors about packets of one session. Every
// second one is too large for a datagram here, where a path has 1,200 bytes, and takes the oversize
// stream.
func TestOrder(t *testing.T) {
	const n = 200
	inWorld(t, time.Second, func(w *world) {
		payloads := func(a *arrival) int { return int(binary.BigEndian.Uint32(a.Payload())) }
		quoted := func(a *arrival) int {
			var q packet.Packet
			if !a.Quoted(&q) {
				return -1
			}
			return int(q.ID)
		}
		for _, what := range []string{"payloads that open a session", "payloads of an open one"} {
			for i := range n {
				w.probe(i, 0)
			}
			w.wantInOrder(what, n, payloads)
			wantReached(t, w.subnet.reached(), n)
		}
		for i := range n {
			w.laptop.send(packet.AppendEcho(nil, &packet.Echo{Src: laptop4, Dst: server4, Ident: ident, Seq: uint16(i), Payload: numbered(i)}))
		}
		w.wantInOrder("replies", n, func(a *arrival) int { return int(a.Seq) })
		const errors = 60 // fewer than a session remembers
		for ttl := range uint8(2) {
			for i := range errors {
				w.probe(i, ttl+1)
			}
			w.wantInOrder("errors", errors, quoted)
		}
	})
}

// wantReached fails unless the numbered payloads 0 to n-1 reached the server in this order.
func wantReached(t *testing.T, got []packet.Packet, n int) {
	t.Helper()
	if len(got) != n {
		t.Errorf("%d payloads reached the server, want %d", len(got), n)
	}
	for i := range got {
		if at := int(binary.BigEndian.Uint32(got[i].Payload())); at != i {
			t.Errorf("payload %d reached the server in place %d", at, i)
			return
		}
	}
}
