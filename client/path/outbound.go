package path

import (
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// nextHeader6 is where an IPv6 header says what follows it.
const nextHeader6 = 6

// outbound is the way of a packet from the host: parse, size, reassemble,
// classify. Not safe for concurrent use: Path.outMu guards it.
type outbound struct {
	frags   *reassembler
	udp     *sessions
	asked   *asked
	tcp     *heldSYNs
	answers *answerer
	aliens  *hop.ErrorLimit // what goes to the edge to be refused
	buf     []byte

	strangers Strangers
}

func newOutbound(udp *sessions, asked *asked, tcp *heldSYNs) *outbound {
	return &outbound{
		frags:   newReassembler(maxFragmentBytes),
		udp:     udp,
		asked:   asked,
		tcp:     tcp,
		answers: newAnswerer(),
		aliens:  hop.NewErrorLimit(hop.ErrorRate{PerSecond: errorRate, Burst: errorBurst}),
		buf:     make([]byte, 0, proto.MaxDatagram),
	}
}

// step decides what becomes of one packet as the host sent it.
func (o *outbound) step(raw []byte, now time.Time, st *linkState) outcome {
	var p packet.Packet
	r := packet.Parse(raw, &p)
	if (r == packet.OK || r == packet.BadOption) && st.foreign(p.Src) {
		return o.stranger(&p, now, st)
	}
	if r == packet.BadOption && st.up { // for the edge, which sees no headers of UDP and TCP
		return o.answers.answer(packet.Verdict{Reason: r, Answer: p.Fault}, &p, now, st)
	}
	if r != packet.OK {
		return outcome{reason: r}
	}
	if p.Class == packet.ClassTCP { // ends in the stack: no size rule of the link applies
		return o.stepTCP(&p, now, st)
	}
	if !st.up {
		return o.answers.answer(unreachable(packet.LinkDown), &p, now, st)
	}
	// What expires in the edge goes there, whatever its size: a router looks at the TTL first.
	if mtu := st.innerMTU(p.V6); mtu > 0 && p.DF && len(p.Raw) > mtu && !packet.Expires(p.TTL) {
		return o.answers.answer(packet.Verdict{Reason: packet.TooLarge, Answer: packet.TooBig, MTU: uint32(mtu)}, &p, now, st)
	}
	if p.Class != packet.ClassFragment {
		return o.classify(&p, now, st)
	}
	whole, r := o.frags.add(&p, now)
	if whole == nil {
		return outcome{reason: r}
	}
	if r = packet.Parse(whole, &p); r != packet.OK {
		return outcome{reason: r}
	}
	p.DF = false // its sender let it be fragmented
	if p.Class == packet.ClassTCP {
		return o.stepTCP(&p, now, st)
	}
	return o.classify(&p, now, st)
}

// classify hands a whole packet that is not TCP to what carries its class.
func (o *outbound) classify(p *packet.Packet, now time.Time, st *linkState) outcome {
	var d outcome
	switch p.Class {
	case packet.ClassICMP, packet.ClassOther:
		if !p.IsQuery() {
			return o.toEdge(p, now)
		}
		d = o.asked.whole(o.buf, p, now)
	case packet.ClassUDP:
		if !p.TransportOK() {
			return outcome{reason: packet.Malformed} // the connector's socket would mend it
		}
		d = o.udp.out(o.buf, p, now, st)
	default:
		return outcome{reason: packet.Unsupported}
	}
	if d.reason == packet.TableFull {
		return o.answers.answer(unreachable(d.reason), p, now, st)
	}
	return d
}

// toEdge sends what nobody carries further as far as the edge, which is a hop for it like for
// everything else: it looks at the TTL and at the policy, and says that it goes no further. How much of
// that there is does not matter, as the edge's answers are limited, too. About ICMP errors nothing may
// be said: they end here.
func (o *outbound) toEdge(p *packet.Packet, now time.Time) outcome {
	switch {
	case !p.AllowsError():
		return outcome{reason: packet.Unsupported}
	case !o.aliens.Allow(packet.Unsupported, now):
		return outcome{reason: packet.Unsupported, also: packet.RateLimited}
	}
	d := o.asked.whole(o.buf, p, now)
	if d.reason != packet.OK { // no room for what nobody would carry
		d.reason, d.also = packet.Unsupported, d.reason
	}
	return d
}

// stepTCP decides about a TCP segment.
func (o *outbound) stepTCP(p *packet.Packet, now time.Time, st *linkState) outcome {
	d := o.tcp.out(p, now, st.up)
	switch d.reason {
	case packet.LinkDown, packet.TableFull:
		return o.answers.answer(unreachable(d.reason), p, now, st)
	case packet.Unsupported: // at once, and not in silence
		if p.V6 {
			p.Pointer = nextHeader6
		}
		return o.answers.answer(packet.Verdict{Reason: d.reason, Answer: packet.ProtoUnreachable}, p, now, st)
	case packet.TTLExpired: // of an open connection, whose segments the edge does not see
		return o.answers.answer(packet.Verdict{Reason: d.reason, Answer: packet.TimeExceeded}, p, now, st)
	}
	return d
}

// unreachable is the client's own word: the destination cannot be asked.
func unreachable(why packet.Reason) packet.Verdict {
	return packet.Verdict{Reason: why, Answer: packet.HostUnreachable}
}

// incomplete answers for a packet that misses fragments: Time Exceeded, if its
// first fragment is there (RFC 792, RFC 8200 §4.5).
func (o *outbound) incomplete(first []byte, now time.Time, st *linkState) outcome {
	var p packet.Packet
	if first == nil || packet.Parse(first, &p) != packet.OK {
		return outcome{reason: packet.FragmentTimeout}
	}
	return o.answers.answer(packet.Verdict{Reason: packet.FragmentTimeout, Answer: packet.ReassemblyTimeout}, &p, now, st)
}
