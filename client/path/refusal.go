package path

import (
	"net/netip"
	"time"

	"golang.org/x/time/rate"

	"github.com/oneping/oneping/proto/packet"
)

// ICMP errors that the client makes itself are limited as a router limits its own (RFC 1812 §4.3.2.8). The burst
// is large enough for several traceroutes with 16 probes in flight and for `mtr -i 0.1`.
const (
	errorRate  = 200
	errorBurst = 200
)

// answerer makes the client's own ICMP errors. It is not safe for concurrent use.
type answerer struct {
	limit *rate.Limiter
	buf   []byte
}

func newAnswerer() *answerer {
	return &answerer{limit: rate.NewLimiter(errorRate, errorBurst), buf: make([]byte, 0, 2048)}
}

// answer returns the outcome why with the ICMP error kind about p. Where no
// error may be made, or no address is known to make it from, it is the bare reason.
// Where there have been too many it says so beside the reason.
func (a *answerer) answer(kind packet.ErrorKind, why packet.Reason, mtu int, p *packet.Packet, now time.Time, st *linkState) outcome {
	src := st.hop(p.V6)
	if why == packet.LinkDown || why == packet.TableFull { // the edge has no part in it
		src = st.self(p.V6)
	}
	if !src.IsValid() {
		return outcome{reason: why}
	}
	typ, code := kind.TypeCode(p.V6)
	back, ok := packet.AppendError(a.buf[:0], packet.Error{Src: src, Type: typ, Code: code, MTU: uint32(mtu), Pointer: p.Pointer}, p)
	if !ok {
		return outcome{reason: why}
	}
	a.buf = back
	if !a.limit.AllowN(now, 1) { // only now: what gets no answer takes none from the limit
		return outcome{reason: why, also: packet.RateLimited}
	}
	return outcome{reason: why, back: back}
}

// appendErrorFor appends the ICMP error that e stands for, about our packet raw
// as its reporter would have seen it: with TTL 1 in a Time Exceeded, else with the TTL
// that the event states, else as it was sent. raw may be cut short; it is not changed. A pointer comes as e.MTU. False: too
// little of raw is there, or e is no ICMP error, as the host gets none but those (see deliverable).
func appendErrorFor(b []byte, e packet.Error, quotedTTL uint8, raw []byte) ([]byte, bool) {
	var scratch [packet.MaxError]byte
	p := packet.Packet{Raw: scratch[:copy(scratch[:], raw)]}
	if len(p.Raw) < 20 {
		return b, false
	}
	switch {
	case p.Raw[0]>>4 == 4:
		p.Src, p.Dst = netip.AddrFrom4([4]byte(p.Raw[12:16])), netip.AddrFrom4([4]byte(p.Raw[16:20]))
		p.TTL = p.Raw[8]
	case len(p.Raw) >= 40:
		p.V6 = true
		p.Src, p.Dst = netip.AddrFrom16([16]byte(p.Raw[8:24])), netip.AddrFrom16([16]byte(p.Raw[24:40]))
		p.TTL = p.Raw[7]
	default:
		return b, false
	}
	if says := (packet.Packet{Class: packet.ClassICMP, V6: p.V6, Type: e.Type}); !says.IsICMPError() {
		return b, false
	}
	e.Pointer = e.MTU // one field on the wire; each error has one of them
	expired, _ := packet.TimeExceeded.TypeCode(p.V6)
	switch {
	case quotedTTL != 0:
		p.SetTTL(quotedTTL)
	case e.Type == expired && e.Code == 0:
		p.SetTTL(1)
	}
	return packet.AppendError(b, e, &p)
}
