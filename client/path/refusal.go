package path

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/hop"
	"github.com/oneping/oneping/proto/packet"
)

// How many ICMP errors the client makes itself, a second and at once (hop.ErrorRate).
const (
	errorRate  = 200
	errorBurst = 200
)

// answerer makes the client's own ICMP errors. It is not safe for concurrent use.
type answerer struct {
	limit *hop.ErrorLimit
	buf   []byte
}

func newAnswerer() *answerer {
	return &answerer{
		limit: hop.NewErrorLimit(hop.ErrorRate{PerSecond: errorRate, Burst: errorBurst}),
		buf:   make([]byte, 0, packet.MaxError),
	}
}

// answer returns v as an outcome, with the ICMP error that v names about p. Where no
// error may be made, or no address is known to make it from, it is the bare
// reason. Where there have been too many it says so beside the reason.
func (a *answerer) answer(v packet.Verdict, p *packet.Packet, now time.Time, st *linkState) outcome {
	from := st.hop(p.V6)
	switch v.Reason {
	case packet.LinkDown, packet.TableFull, packet.Spoofed: // the edge has no part in it
		from = st.self(p.V6)
	}
	r := hop.Refuse(v, from, p.TTL)
	r.Error.Pointer = p.Pointer
	back, ok := r.AppendPacket(a.buf[:0], p)
	if !ok {
		return outcome{reason: v.Reason}
	}
	a.buf = back
	if !a.limit.Allow(v.Reason, now) { // only now: what gets no answer takes none from the limit
		return outcome{reason: v.Reason, also: packet.RateLimited}
	}
	return outcome{reason: v.Reason, to: theHost, pkt: back}
}

// appendHeard appends the ICMP error r, of which the edge has told, about our
// packet raw as its reporter saw it: with the TTL that r states; where it states
// none, with 1 in a Time Exceeded and else as it was sent. raw may be cut short;
// it is not changed. False: too little of raw is there, or r is no ICMP error,
// as the host gets none but those (see asked.deliverable).
func appendHeard(b []byte, r *hop.Refusal, raw []byte) ([]byte, bool) {
	var scratch [packet.MaxError]byte
	p := packet.Packet{Raw: scratch[:copy(scratch[:], raw)]}
	if !readHead(&p) {
		return b, false
	}
	if is := (packet.Packet{Class: packet.ClassICMP, V6: p.V6, Type: r.Error.Type}); !is.IsICMPError() {
		return b, false
	}
	if expired, code := packet.TimeExceeded.TypeCode(p.V6); r.QuotedTTL == 0 && r.Error.Type == expired && r.Error.Code == code {
		r.QuotedTTL = 1
	}
	return r.AppendPacket(b, &p)
}

// readHead fills in the family, addresses and TTL of a packet that may be cut
// short. False: not even its header is there.
func readHead(p *packet.Packet) bool {
	switch b := p.Raw; {
	case len(b) < 20:
		return false
	case b[0]>>4 == 4:
		p.Src, p.Dst = netip.AddrFrom4([4]byte(b[12:16])), netip.AddrFrom4([4]byte(b[16:20]))
		p.TTL = b[8]
	case len(b) < 40:
		return false
	default:
		p.V6 = true
		p.Src, p.Dst = netip.AddrFrom16([16]byte(b[8:24])), netip.AddrFrom16([16]byte(b[24:40]))
		p.TTL = b[7]
	}
	return true
}

// outcomeOf returns what is counted of an ICMP error that the host is given: why its packet went no
// further. Time Exceeded counts as what traceroute has asked for. What the edge says is told from
// what routers and hosts behind it say: no link leads to a connector, say.
func outcomeOf(from netip.Addr, typ, code uint8, v6 bool, st *linkState) packet.Reason {
	edge := from.IsValid() && from == st.hop(v6)
	switch kind := packet.KindOf(typ, code, v6); {
	case kind == packet.TimeExceeded:
		return packet.OK
	case kind == packet.ReassemblyTimeout:
		return packet.FragmentTimeout
	case kind == packet.TooBig:
		return packet.TooLarge
	case kind == packet.PortUnreachable:
		return packet.Refused
	case kind == packet.BadField || kind == packet.UnknownOption:
		return packet.BadOption
	case edge && kind == packet.NetUnreachable:
		return packet.NoRoute
	case edge && kind == packet.HostUnreachable:
		return packet.ConnectorDown
	case edge && kind == packet.AdminProhibited:
		return packet.Denied
	case edge && kind == packet.ProtoUnreachable:
		return packet.Unsupported
	}
	return packet.Unreachable
}
