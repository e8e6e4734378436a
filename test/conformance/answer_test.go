//go:build linux

package conformance

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/oneping/oneping/proto/packet"
)

// datagram is an IP header and what is behind it, as far as it is there: inside an
// ICMP error a packet may be cut. Read here by hand, not by the code under test.
type datagram struct {
	v6       bool
	src, dst netip.Addr
	ttl, tos uint8
	df, more bool
	off      int
	id       uint32
	flow     uint32
	options  []byte
	length   int // as the header states it
	sumOK    bool
	proto    uint8
	body     []byte
}

// decode reads an IP header; false where it is too short.
func decode(b []byte) (datagram, bool) {
	if len(b) < 20 {
		return datagram{}, false
	}
	if b[0]>>4 == 6 {
		return decode6(b)
	}
	n := int(b[0]&15) * 4
	if b[0]>>4 != 4 || n < 20 || len(b) < n {
		return datagram{}, false
	}
	frag := binary.BigEndian.Uint16(b[6:])
	d := datagram{
		src: netip.AddrFrom4([4]byte(b[12:])), dst: netip.AddrFrom4([4]byte(b[16:])), ttl: b[8], tos: b[1], proto: b[9],
		df: frag&0x4000 != 0, more: frag&0x2000 != 0, off: int(frag&0x1fff) * 8, id: uint32(binary.BigEndian.Uint16(b[4:])),
		options: b[20:n], length: int(binary.BigEndian.Uint16(b[2:])), sumOK: packet.Checksum(b[:n], 0) == 0,
	}
	d.body = b[n:max(n, min(len(b), d.length))]
	return d, true
}

func decode6(b []byte) (datagram, bool) {
	if len(b) < 40 {
		return datagram{}, false
	}
	d := datagram{
		v6: true, src: netip.AddrFrom16([16]byte(b[8:])), dst: netip.AddrFrom16([16]byte(b[24:])), ttl: b[7], tos: b[0]<<4 | b[1]>>4,
		flow: binary.BigEndian.Uint32(b) & 0xfffff, length: 40 + int(binary.BigEndian.Uint16(b[4:])), sumOK: true, proto: b[6],
	}
	d.body = b[40:max(40, min(len(b), d.length))]
	switch d.proto {
	case hopOptions, routingHeader, destinationOptions:
		if len(d.body) < 8 {
			return datagram{}, false
		}
		if n := 8 + 8*int(d.body[1]); len(d.body) >= n {
			d.proto, d.options, d.body = d.body[0], d.body[2:n], d.body[n:]
		}
	}
	if d.proto == 44 && len(d.body) >= 8 {
		frag := binary.BigEndian.Uint16(d.body[2:])
		d.proto, d.off, d.more, d.id = d.body[0], int(frag&^7), frag&1 != 0, binary.BigEndian.Uint32(d.body[4:])
		d.body = d.body[8:]
	}
	return d, true
}

// field is one thing that is compared, as text.
type field struct{ name, value string }

// answer is one packet that came back for a probe.
type answer struct {
	kind   string
	fields []field
	raw    []byte
	zeroID bool
}

func (a *answer) add(name, format string, args ...any) {
	a.fields = append(a.fields, field{name, fmt.Sprintf(format, args...)})
}

func (a *answer) value(name string) string {
	if i := slices.IndexFunc(a.fields, func(f field) bool { return f.name == name }); i >= 0 {
		return a.fields[i].value
	}
	return "absent"
}

// String shows the packet decoded and in hex.
func (a *answer) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:", a.kind)
	for _, f := range a.fields {
		fmt.Fprintf(&b, " %s=%s", strings.ReplaceAll(f.name, " ", "-"), f.value)
	}
	fmt.Fprintf(&b, "\n      %s", hex.EncodeToString(a.raw[:min(len(a.raw), 96)]))
	return b.String()
}

// keyOf returns the key of the probe that a packet answers; false if it answers none.
func keyOf(d *datagram) (uint16, bool) {
	b := d.body
	if len(b) < 8 || d.off > 0 {
		return 0, false
	}
	switch {
	case d.proto == packet.UDP || d.proto == packet.TCP:
		return binary.BigEndian.Uint16(b[2:]), true
	case !isICMP(d):
		return 0, false
	case isError(d):
		q, ok := decode(b[8:])
		if !ok || len(q.body) < 8 || q.off > 0 { // a later fragment has no key
			return 0, false
		}
		if isICMP(&q) {
			return binary.BigEndian.Uint16(q.body[6:]), true
		}
		return binary.BigEndian.Uint16(q.body), true
	}
	return binary.BigEndian.Uint16(b[6:]), true
}

func isICMP(d *datagram) bool {
	return d.proto == packet.ICMP && !d.v6 || d.proto == packet.ICMPv6 && d.v6
}

func isError(d *datagram) bool {
	if d.v6 {
		return d.body[0] < 128
	}
	return slices.Contains([]byte{3, 4, 5, 11, 12}, d.body[0])
}

// kinds of ICMP errors by type and code, of either version.
var kinds = map[[3]byte]string{
	{4, 3, 0}: "net unreachable", {4, 3, 1}: "host unreachable", {4, 3, 3}: "port unreachable", {4, 3, 4}: "packet too big",
	{4, 3, 13}: "admin prohibited", {4, 11, 0}: "time exceeded", {4, 11, 1}: "reassembly timeout", {4, 12, 0}: "parameter problem",
	{6, 1, 0}: "net unreachable", {6, 1, 3}: "host unreachable", {6, 1, 4}: "port unreachable", {6, 2, 0}: "packet too big",
	{6, 1, 1}: "admin prohibited", {6, 3, 0}: "time exceeded", {6, 3, 1}: "reassembly timeout", {6, 4, 0}: "parameter problem",
	{6, 4, 2}: "parameter problem", {4, 3, 2}: "protocol unreachable", {6, 4, 1}: "protocol unreachable",
	{4, 0, 0}: "echo reply", {6, 129, 0}: "echo reply",
}

// describe compares a packet that came back with the probe that it answers, whose
// source was src, and says in fields what it is. sizes are those of its fragments.
func describe(p *probe, src netip.Addr, d *datagram, sizes []int, raw []byte) *answer {
	a := &answer{raw: raw, zeroID: d.id == 0}
	a.add("source", "%v", d.src)
	a.add("destination", "%s", name(d.dst, src))
	a.add("TTL", "%d", d.ttl)
	a.add("TOS", "%#02x", d.tos)
	a.add("flow label", "%d", d.flow)
	a.add("DF", "%v", d.df)
	a.add("options", "%x", d.options)
	a.add("header checksum", "%s", goodOrBad(d.sumOK))
	a.add("fragments", "%v", sizes)
	a.add("checksum", "%s", goodOrBad(sumOK(d)))
	switch {
	case d.proto == packet.UDP:
		a.udp(p, d)
	case d.proto == packet.TCP:
		a.tcp(p, d)
	default:
		a.icmp(p, src, d)
	}
	return a
}

func name(addr, src netip.Addr) string {
	if addr == src {
		return "the laptop"
	}
	return addr.String()
}

func goodOrBad(ok bool) string {
	if ok {
		return "good"
	}
	return "bad"
}

func sumOK(d *datagram) bool {
	var sum uint64
	if d.proto != packet.ICMP {
		sum = pseudo(d.src, d.dst, d.proto, len(d.body))
	}
	return packet.Checksum(d.body, sum) == 0
}

func (a *answer) udp(p *probe, d *datagram) {
	a.kind = "UDP"
	a.add("source port", "%d", binary.BigEndian.Uint16(d.body))
	a.add("payload", "%s", like(d.body[8:], p.data()))
}

// tcp leaves the initial sequence number out: it is random by intention (RFC 6528).
func (a *answer) tcp(p *probe, d *datagram) {
	if len(d.body) < 20 {
		a.kind = "short TCP"
		return
	}
	flags := d.body[13]
	a.kind = "SYN-ACK"
	if flags&packet.FlagRST != 0 {
		a.kind = "RST"
		a.add("sequence", "%d", binary.BigEndian.Uint32(d.body[4:]))
	}
	a.add("flags", "%#02x", flags)
	a.add("source port", "%d", binary.BigEndian.Uint16(d.body))
	a.add("acknowledged", "%d", binary.BigEndian.Uint32(d.body[8:])-synSeq(p.key))
	a.add("window", "%d", binary.BigEndian.Uint16(d.body[14:]))
	a.add("urgent", "%d", binary.BigEndian.Uint16(d.body[18:]))
	a.add("TCP options", "%x", d.body[20:min(len(d.body), int(d.body[12]>>4)*4)])
}

func (a *answer) icmp(p *probe, src netip.Addr, d *datagram) {
	version := byte(4)
	if d.v6 {
		version = 6
	}
	var ok bool
	if a.kind, ok = kinds[[3]byte{version, d.body[0], d.body[1]}]; !ok {
		a.kind = fmt.Sprintf("ICMP %d/%d", d.body[0], d.body[1])
	}
	a.add("type", "%d", d.body[0])
	a.add("code", "%d", d.body[1])
	if !isError(d) {
		a.add("identifier", "%d", int(binary.BigEndian.Uint16(d.body[4:]))-int(p.ident()))
		a.add("payload", "%s", like(d.body[8:], p.data()))
		return
	}
	a.add("second word", "%x", d.body[4:8]) // MTU, pointer or unused
	q, ok := decode(d.body[8:])
	if !ok {
		a.add("quote", "%x", d.body[8:])
		return
	}
	a.quote(p, src, &q)
}

// quote describes the packet inside an ICMP error.
func (a *answer) quote(p *probe, src netip.Addr, q *datagram) {
	sent := p.sent(src)
	a.add("quoted source", "%s", name(q.src, src))
	a.add("quoted destination", "%v", q.dst)
	a.add("quoted TTL", "%d", q.ttl)
	a.add("quoted TOS", "%#02x", q.tos)
	a.add("quoted length", "%d", q.length)
	a.add("quoted DF", "%v", q.df)
	a.add("quoted fragment", "%d %v", q.off, q.more)
	a.add("quoted options", "%x", q.options)
	a.add("quoted protocol", "%d", q.proto)
	a.add("quoted header checksum", "%s", goodOrBad(q.sumOK))
	if !q.v6 {
		a.add("quoted identification", "%d", int(q.id)-int(p.key))
	}
	a.add("quoted payload", "%s", like(q.body, sent[min(q.off, len(sent)):][:min(len(q.body), max(0, len(sent)-q.off))]))
}

// like says how b compares with what was sent.
func like(b, sent []byte) string {
	if bytes.Equal(b, sent) {
		return fmt.Sprintf("as sent, %d bytes", len(b))
	}
	i := 0
	for i < min(len(b), len(sent)) && b[i] == sent[i] {
		i++
	}
	return fmt.Sprintf("%d bytes for %d, other from byte %d: %x for %x", len(b), len(sent), i,
		b[i:min(len(b), i+8)], sent[i:min(len(sent), i+8)])
}
