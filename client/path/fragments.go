package path

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

const (
	// maxFragmentBytes bounds what waits for its missing fragments: sixty packets of the largest
	// size.
	maxFragmentBytes = 4 << 20
	// fragmentTimeout runs from the first fragment to arrive. RFC 1122 §3.3.2 allows
	// 60 to 120 s and RFC 8200 §4.5 says 60 s; Linux waits 30 s, and so do we.
	fragmentTimeout = 30 * time.Second
	// maxFragments bounds the fragments of one packet: 65,535 bytes over the smallest MTU of IPv4.
	maxFragments = 65535/48 + 1
	// fragmentCost is what one waiting packet is charged besides its bytes.
	fragmentCost = 512
)

// fragmentKey names the packet to which a fragment belongs (RFC 791 §3.2, RFC 8200 §4.5).
type fragmentKey struct {
	src, dst netip.Addr
	id       uint32
	proto    uint8 // IPv4 only
}

// span is a range of bytes of a packet's payload: [from, to).
type span struct{ from, to int }

// partial is a packet that misses fragments.
type partial struct {
	started time.Time
	first   []byte // the first fragment, whole, once it is there
	data    []byte // payload as far as it came
	spans   []span // sorted; what of data is filled
	total   int    // length of data when complete, -1 while unknown
	ecn     ecnSet // of the fragments
	cost    int
	broken  bool // overlapped or lied about its length: everything more of it is dropped (RFC 5722)
}

// reassembler puts fragments of IPv4 (RFC 791 §3.2) and IPv6 (RFC 8200 §4.5)
// together. Pure: the time is passed in. Not safe for concurrent use.
type reassembler struct {
	max, used int // bytes
	parts     map[fragmentKey]*partial
	buf       []byte
}

func newReassembler(maxBytes int) *reassembler {
	return &reassembler{max: maxBytes, parts: make(map[fragmentKey]*partial)}
}

// add takes one fragment. It returns the whole packet, valid until the next
// call, when p was the last that was missing. Otherwise the reason is OK while
// the packet waits, FragmentOverlap, Malformed, or TableFull when there is no room.
func (r *reassembler) add(p *packet.Packet, now time.Time) ([]byte, packet.Reason) {
	data := p.Transport()
	s := span{p.FragOff, p.FragOff + len(data)}
	if len(data) == 0 || p.MF && len(data)%8 != 0 || s.to > maxData(p.V6, headLen(p)) {
		return nil, packet.Malformed
	}
	key := fragmentKey{src: p.Src, dst: p.Dst, id: p.ID}
	if !p.V6 {
		key.proto = p.Proto
	}
	q := r.parts[key]
	if q == nil {
		if r.used+fragmentCost+len(data) > r.max {
			return nil, packet.TableFull
		}
		q = &partial{started: now, total: -1, cost: fragmentCost}
		r.used += q.cost
		r.parts[key] = q
	}
	if reason := r.insert(q, p, s, data); reason != packet.OK {
		return nil, reason
	}
	q.ecn.add(p.TOS)
	if q.total < 0 || q.first == nil || len(q.spans) != 1 || q.spans[0] != (span{0, q.total}) {
		return nil, packet.OK
	}
	r.remove(key, q)
	return r.join(q)
}

// insert adds one fragment. An exact duplicate is ignored; any other overlap
// breaks the packet.
func (r *reassembler) insert(q *partial, p *packet.Packet, s span, data []byte) packet.Reason {
	if q.broken {
		return packet.FragmentOverlap
	}
	i, _ := slices.BinarySearchFunc(q.spans, s.from, func(a span, from int) int { return a.to - from })
	if i < len(q.spans) && q.spans[i].to == s.from { // ends where s begins
		i++
	}
	if i < len(q.spans) && q.spans[i].from < s.to {
		if have := q.spans[i]; have.from <= s.from && have.to >= s.to && string(q.data[s.from:s.to]) == string(data) {
			return packet.OK
		}
		return r.spoil(q)
	}
	if !p.MF && (q.total >= 0 && q.total != s.to || len(q.spans) > 0 && q.spans[len(q.spans)-1].to > s.to) ||
		p.MF && q.total >= 0 && s.to > q.total {
		return r.spoil(q)
	}
	grow := max(0, s.to-len(q.data))
	if p.FragOff == 0 {
		grow += len(p.Raw)
	}
	if r.used+grow > r.max || len(q.spans) >= maxFragments {
		return packet.TableFull
	}
	r.used, q.cost = r.used+grow, q.cost+grow
	if len(q.data) < s.to {
		q.data = slices.Grow(q.data, s.to-len(q.data))[:s.to]
	}
	copy(q.data[s.from:], data)
	if p.FragOff == 0 {
		q.first = slices.Clone(p.Raw)
	}
	if !p.MF {
		q.total = s.to
	}
	q.spans = mergeSpan(q.spans, i, s)
	return packet.OK
}

// mergeSpan puts s in front of spans[i] and joins it with its neighbours where they touch.
func mergeSpan(spans []span, i int, s span) []span {
	left, right := i > 0 && spans[i-1].to == s.from, i < len(spans) && spans[i].from == s.to
	switch {
	case left && right:
		spans[i-1].to = spans[i].to
		return slices.Delete(spans, i, i+1)
	case left:
		spans[i-1].to = s.to
		return spans
	case right:
		spans[i].from = s.from
		return spans
	}
	return slices.Insert(spans, i, s)
}

// spoil frees what q holds but keeps its key, so that its later fragments are
// dropped too.
func (r *reassembler) spoil(q *partial) packet.Reason {
	r.used -= q.cost - fragmentCost
	*q = partial{started: q.started, broken: true, cost: fragmentCost}
	return packet.FragmentOverlap
}

func (r *reassembler) remove(key fragmentKey, q *partial) {
	r.used -= q.cost
	delete(r.parts, key)
}

// join returns the whole packet: the header of the first fragment and all data. An IPv6
// packet that travels as such (not UDP, not TCP) keeps its fragment header, as an atomic
// fragment (RFC 6946) where there is room for it: that tells the next hops that it was
// fragmented, and need not be "too big" for any.
func (r *reassembler) join(q *partial) ([]byte, packet.Reason) {
	var p packet.Packet
	if reason := packet.Parse(q.first, &p); reason != packet.OK {
		return nil, reason
	}
	head := headLen(&p)
	if q.total > maxData(p.V6, head) {
		return nil, packet.Malformed
	}
	atomic := p.V6 && p.Proto != packet.UDP && p.Proto != packet.TCP && q.total <= maxData(true, head+8)
	if atomic {
		head += 8
	}
	if !q.ecn.agree() {
		return nil, packet.Malformed
	}
	b := append(r.buf[:0], q.first[:head]...)
	b = append(b, q.data[:q.total]...)
	if q.ecn.congested() {
		setCE(b, p.V6)
	}
	r.buf = b
	if p.V6 {
		if atomic {
			b[head-6], b[head-5] = 0, 0 // offset and "more"
		} else {
			setNextHeader(b[:head], p.Proto)
		}
		binary.BigEndian.PutUint16(b[4:], uint16(head-40+q.total))
		return b, packet.OK
	}
	binary.BigEndian.PutUint16(b[2:], uint16(head+q.total))
	b[6], b[7] = 0, 0
	b[10], b[11] = 0, 0
	binary.BigEndian.PutUint16(b[10:], packet.Checksum(b[:head], 0))
	return b, packet.OK
}

// headLen returns the length of the headers in front of a fragment's data that
// are kept: all but the IPv6 fragment header.
func headLen(p *packet.Packet) int {
	if p.V6 {
		return p.FragHdr
	}
	return p.Hdr
}

// setNextHeader makes proto follow the IPv6 headers in head, the last of which
// announces a fragment header.
func setNextHeader(head []byte, proto uint8) {
	at, off := 6, 40
	for off < len(head) {
		at, off = off, off+(int(head[off+1])+1)*8
	}
	head[at] = proto
}

// expire forgets what has waited too long. It returns an element for each
// packet: its first fragment, nil where that had not come or the packet was broken.
func (r *reassembler) expire(now time.Time) (firsts [][]byte) {
	for key, q := range r.parts {
		if now.Sub(q.started) < fragmentTimeout {
			continue
		}
		r.remove(key, q)
		firsts = append(firsts, q.first)
	}
	return firsts
}

// maxData returns how many bytes may follow head bytes of headers. The length
// field counts IPv4's header, but not the first 40 bytes of IPv6.
func maxData(v6 bool, head int) int {
	if v6 {
		return 65535 + 40 - head
	}
	return 65535 - head
}
