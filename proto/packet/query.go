package packet

import (
	"encoding/binary"
	"time"
)

// Queries of ICMP have an identifier and a sequence, and their answer has the same: echo (RFC 792, RFC
// 4443 §4) and, in IPv4, timestamp (RFC 792, RFC 1122 §3.2.2.8). Those that nobody answers any more
// (information, address mask; RFC 6918) are not among them.

// IsEchoRequest says whether p is an ICMP or ICMPv6 echo request. Its code is 0, but who sends another
// one has it answered with the same (RFC 1122 §3.2.2.6).
func (p *Packet) IsEchoRequest() bool { return p.Class == ClassICMP && p.Type == echoRequest(p.V6) }

// IsEchoReply says whether p is an ICMP or ICMPv6 echo reply.
func (p *Packet) IsEchoReply() bool { return p.Class == ClassICMP && p.Type == echoReply(p.V6) }

// IsTimestamp says whether p is an ICMP timestamp request, which only IPv4 has.
func (p *Packet) IsTimestamp() bool {
	return p.Class == ClassICMP && !p.V6 && p.Type == TypeTimestamp
}

// IsQuery says whether p is a query.
func (p *Packet) IsQuery() bool { return p.IsEchoRequest() || p.IsTimestamp() }

// IsQueryReply says whether p is the answer to a query.
func (p *Packet) IsQueryReply() bool {
	return p.IsEchoReply() || p.Class == ClassICMP && !p.V6 && p.Type == TypeTimestampReply
}

// AppendEchoReply appends the answer of req's destination to the echo request req.
func AppendEchoReply(b []byte, req *Packet) []byte {
	e := replyTo(req)
	return AppendEcho(b, &e)
}

// replyTo returns the answer of req's destination to the query req.
func replyTo(req *Packet) Echo {
	return Echo{
		Src: req.Dst, Dst: req.Src, Ident: req.Ident, Seq: req.Seq, TOS: req.TOS, Reply: true, Code: req.Code,
		Options: req.AppendRecords(nil), Payload: req.Payload(),
	}
}

// sizeTimestamp is the size of a timestamp message, and of its answer, in bytes.
const sizeTimestamp = 20

// AppendQueryReply appends the answer of req's destination to the query req; ok is false, and nothing
// appended, where req is none, or too short. now is asked only where a time may be to be entered. Of
// the options those that record the way come back, with the destination in them twice, as it had the
// query and as it sends the answer (Linux; RFC 1122 §3.2.2.6 asks for it once).
func AppendQueryReply(b []byte, req *Packet, now func() time.Time) (_ []byte, ok bool) {
	start := len(b)
	if b, ok = appendQueryReply(b, req, now); ok && req.Hdr > 20 && !req.V6 {
		reply := Packet{Raw: b[start:], Hdr: int(b[start]&15) * 4}
		at := now()
		reply.Record(req.Dst, at)
		reply.Record(req.Dst, at)
	}
	return b, ok
}

func appendQueryReply(b []byte, req *Packet, now func() time.Time) (_ []byte, ok bool) {
	switch {
	case req.IsEchoRequest():
		return AppendEchoReply(b, req), true
	case !req.IsTimestamp() || len(req.Transport()) < sizeTimestamp:
		return b, false
	}
	e := replyTo(req)
	var times [sizeTimestamp - 8]byte
	copy(times[:4], e.Payload) // originated
	ms := milliseconds(now())
	binary.BigEndian.PutUint32(times[4:], ms) // received
	binary.BigEndian.PutUint32(times[8:], ms) // transmitted
	e.Timestamp, e.Payload = true, times[:]
	return AppendEcho(b, &e), true
}

// milliseconds returns the milliseconds since midnight UT (RFC 792, RFC 791 §3.1).
func milliseconds(now time.Time) uint32 {
	now = now.UTC()
	return uint32(now.Sub(now.Truncate(24*time.Hour)) / time.Millisecond)
}
