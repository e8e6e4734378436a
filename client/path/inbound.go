package path

import (
	"sync"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// inbound is the way of a datagram from the edge. Safe for concurrent use.
type inbound struct {
	udp   *sessions
	asked *asked
	bufs  sync.Pool // *scratch
}

// scratch is what one datagram needs while it is handled.
type scratch struct {
	buf     []byte
	packet  packet.Packet
	payload proto.UDPPayload
	event   proto.UDPEvent
}

func newInbound(udp *sessions, asked *asked) *inbound {
	in := &inbound{udp: udp, asked: asked}
	in.bufs.New = func() any { return &scratch{buf: make([]byte, 0, 1<<16)} }
	return in
}

// get returns scratch for step; put gives it back when its outcome has been used.
func (in *inbound) get() *scratch  { return in.bufs.Get().(*scratch) }
func (in *inbound) put(s *scratch) { in.bufs.Put(s) }

// step decides what becomes of one datagram. The outcome's slices alias d or s.
func (in *inbound) step(s *scratch, d []byte, now time.Time, st *linkState) outcome {
	if len(d) == 0 {
		return outcome{reason: packet.Malformed}
	}
	switch proto.DatagramType(d[0]) {
	case proto.TypePacket:
		raw, err := proto.ParsePacket(d)
		if err != nil {
			return outcome{reason: packet.Malformed}
		}
		if r := packet.Parse(raw, &s.packet); r != packet.OK {
			return outcome{reason: r}
		}
		if r := in.asked.deliverable(&s.packet, st); r != packet.OK {
			return outcome{reason: r}
		}
		o := outcome{to: theHost, pkt: s.packet.Raw}
		if p := &s.packet; p.IsICMPError() {
			o.reason = outcomeOf(p.Src, p.Type, p.Code, p.V6, st)
		}
		return o
	case proto.TypeUDPPayload:
		if proto.ParseUDPPayload(d, &s.payload) != nil {
			return outcome{reason: packet.Malformed}
		}
		return in.udp.in(s.buf[:0], &s.payload, now)
	case proto.TypeUDPEvent:
		if proto.ParseUDPEvent(d, &s.event) != nil {
			return outcome{reason: packet.Malformed}
		}
		return in.udp.event(s.buf[:0], &s.event, now, st)
	}
	return outcome{reason: packet.UnknownType}
}
