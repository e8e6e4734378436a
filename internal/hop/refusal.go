package hop

import (
	"net/netip"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// Refusal is why a packet, session or flow of a client goes no further, and the ICMP error
// that its sender gets for it: of a hop (Refuse) or of a router or host behind it (Heard).
type Refusal struct {
	// Reason is for the counters.
	Reason packet.Reason
	// Error is what is said and by whom, with the TTL with which it leaves here. Without
	// a Src nothing is said.
	Error packet.Error
	// QuotedTTL is the TTL that the refused packet had when the reporter looked at it.
	QuotedTTL uint8
	// Decision names the denial that it is; 0 = it is none.
	Decision proto.DecisionID

	closed bool // nobody listens on the port: TCP says so by a reset
}

// Refuse returns the refusal for v of a packet that came to this hop with ttl, in the name
// of from. Without an address, or where v has no answer, nothing is said.
func Refuse(v packet.Verdict, from netip.Addr, ttl uint8) Refusal {
	r := Refusal{Reason: v.Reason, QuotedTTL: ttl}
	if v.Answer == packet.NoError || !from.IsValid() {
		return r
	}
	typ, code := v.Answer.TypeCode(from.Is6())
	r.Error = packet.Error{Src: from, Type: typ, Code: code, TTL: packet.DefaultTTL, MTU: v.MTU}
	r.closed = v.Answer == packet.PortUnreachable
	return r
}

// Heard returns the refusal that the ICMP error e is, which came to this host with e.TTL
// (0 = unknown) about a packet for dst that had come here with ttl. own says that e is
// this host's own. False: e expires here and goes no further.
func Heard(e packet.Error, dst netip.Addr, ttl uint8, own bool) (Refusal, bool) {
	back, ok := BackTTL(e.TTL, own)
	if !ok {
		return Refusal{Reason: packet.TTLExpired}, false
	}
	r := Refusal{Reason: packet.Unreachable, QuotedTTL: QuotedTTL(&e, dst, ttl, own)}
	e.TTL = back
	r.Error = e
	return r, true
}

// BackTTL returns the TTL with which something leaves this host toward the client that
// reached it with ttl. Unknown (0) is taken as if its sender were next to us; what this
// host itself says (own) crosses no router here. False: it expires here.
func BackTTL(ttl uint8, own bool) (uint8, bool) {
	if ttl == 0 {
		ttl = packet.DefaultTTL
	}
	if own {
		return ttl, true
	}
	return packet.NextTTL(ttl)
}

// Silent says that the sender hears nothing.
func (r *Refusal) Silent() bool { return !r.Error.Src.IsValid() }

// AppendPacket appends r as the packet of an ICMP error about orig, which is quoted with
// QuotedTTL. ok is false, and nothing appended, where nothing is said or may be
// (packet.AppendError).
func (r *Refusal) AppendPacket(b []byte, orig *packet.Packet) (_ []byte, ok bool) {
	if r.QuotedTTL != 0 && r.QuotedTTL != orig.TTL {
		orig.SetTTL(r.QuotedTTL)
	}
	return packet.AppendError(b, r.Error, orig)
}

// Event returns r as the event of a UDP session about its packet tag. It must not be Silent.
func (r *Refusal) Event(id proto.SessionID, tag uint16) proto.UDPEvent {
	kind := proto.EventICMP
	if r.Decision != 0 {
		kind = proto.EventDenied
	}
	return proto.UDPEvent{
		Session: id, Decision: r.Decision, Kind: kind, ICMPType: r.Error.Type, ICMPCode: r.Error.Code,
		TTL: r.Error.TTL, QuotedTTL: r.QuotedTTL, MTU: r.info(), Tag: tag, Reporter: r.Error.Src,
		Extension: r.Error.Extension.Raw, Quoted: r.Error.Extension.Quoted,
	}
}

// Answer returns r as the answer to the opening of a flow. A port where nobody listens is
// what a reset says (RFC 9293 §3.10.7.1).
func (r *Refusal) Answer() proto.FlowAnswer {
	switch {
	case r.Silent():
		return proto.FlowAnswer{Kind: proto.AnswerSilent, Decision: r.Decision}
	case r.closed:
		return proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: r.Error.TTL, QuotedTTL: r.QuotedTTL}
	}
	return proto.FlowAnswer{
		Decision: r.Decision, Reporter: r.Error.Src, MTU: r.info(), Kind: proto.AnswerICMP,
		ICMPType: r.Error.Type, ICMPCode: r.Error.Code, TTL: r.Error.TTL, QuotedTTL: r.QuotedTTL,
		Extension: r.Error.Extension.Raw, Quoted: r.Error.Extension.Quoted,
	}
}

// info is the MTU of a "packet too big", or the pointer of a parameter problem: one field
// in events and answers, as each error has one of them.
func (r *Refusal) info() uint16 { return uint16(min(max(r.Error.MTU, r.Error.Pointer), 1<<16-1)) }

// Bare returns r without the extension of its error, for who does not read it.
func (r Refusal) Bare() Refusal {
	r.Error.Extension = packet.Extension{}
	return r
}

// OfEvent returns the refusal that the event e of a session states.
func OfEvent(e *proto.UDPEvent) Refusal {
	r := Refusal{
		Reason: packet.Unreachable, QuotedTTL: e.QuotedTTL, Decision: e.Decision,
		Error: stated(e.Reporter, e.ICMPType, e.ICMPCode, e.TTL, e.MTU),
	}
	r.Error.Extension = packet.Extension{Raw: e.Extension, Quoted: e.Quoted}
	return r
}

// OfAnswer returns the refusal that the answer a of a flow states: one of kind AnswerICMP.
func OfAnswer(a *proto.FlowAnswer) Refusal {
	r := Refusal{
		Reason: packet.Unreachable, QuotedTTL: a.QuotedTTL, Decision: a.Decision,
		Error: stated(a.Reporter, a.ICMPType, a.ICMPCode, a.TTL, a.MTU),
	}
	r.Error.Extension = packet.Extension{Raw: a.Extension, Quoted: a.Quoted}
	return r
}

func stated(from netip.Addr, typ, code, ttl uint8, info uint16) packet.Error {
	return packet.Error{Src: from, Type: typ, Code: code, TTL: ttl, MTU: uint32(info), Pointer: uint32(info)}
}
