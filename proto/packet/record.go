package packet

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Record route and timestamp (RFC 791 §3.1) ask every router on the way, and the destination, to enter
// themselves: in the place where the third byte points to, counted from 1, which then points behind it.
//
//	+--------+--------+--------+---------//--------+
//	|00000111| length | pointer|     route data    |
//	+--------+--------+--------+---------//--------+
//	+--------+--------+--------+--------+
//	|01000100| length | pointer|oflw|flg|
//	+--------+--------+--------+--------+
//	|        [Internet address]         |
//	+--------+--------+--------+--------+
//	|             timestamp             |
//	+--------+--------+--------+--------+

// How a timestamp option wants to be filled in.
const (
	stampOnly     = 0
	stampAddress  = 1 // each timestamp behind the address of who made it
	stampForNamed = 3 // only who is named in the next place
)

// records says whether an option asks for what is on the way.
func records(kind byte) bool { return kind == optRecordRoute || kind == optTimestamp }

// Record enters a, the address of a hop that the IPv4 packet is in, into its options that ask for it, and
// corrects the checksum of the header (RFC 1812 §5.3.13.5, §5.3.13.6). Where there is no room left it only
// counts that. The invalid address enters nothing, but counts.
func (p *Packet) Record(a netip.Addr, now time.Time) {
	if p.V6 || p.Hdr == 20 || a.IsValid() && !a.Is4() {
		return
	}
	changed := false
	eachOption(p.Raw[20:p.Hdr], func(o []byte) {
		switch o[0] {
		case optRecordRoute:
			changed = recordRoute(o, a) || changed
		case optTimestamp:
			changed = recordTime(o, a, now) || changed
		}
	})
	if changed {
		setHeaderChecksum(p.Raw, p.Hdr)
	}
}

// recordRoute enters a into a record route option.
func recordRoute(o []byte, a netip.Addr) bool {
	if len(o) < 3 || o[2] < 4 || int(o[2])+3 > len(o) || !a.IsValid() {
		return false
	}
	b := a.As4()
	copy(o[o[2]-1:], b[:])
	o[2] += 4
	return true
}

// recordTime enters a and the time into a timestamp option.
func recordTime(o []byte, a netip.Addr, now time.Time) bool {
	if len(o) < 4 || o[2] < 5 {
		return false
	}
	flag, at := o[3]&15, int(o[2])-1
	switch {
	case at >= len(o): // full
		if flag == stampForNamed || o[3]>>4 == 15 {
			return false
		}
		o[3] += 1 << 4
		return true
	case !a.IsValid():
		return false
	case flag == stampOnly && at+4 <= len(o):
		binary.BigEndian.PutUint32(o[at:], milliseconds(now))
		o[2] += 4
		return true
	}
	b := a.As4()
	if at+8 > len(o) || flag != stampAddress && (flag != stampForNamed || [4]byte(o[at:]) != b) {
		return false
	}
	copy(o[at:], b[:])
	binary.BigEndian.PutUint32(o[at+4:], milliseconds(now))
	o[2] += 8
	return true
}

// AppendRecords appends those options of an IPv4 packet that record its way, in a multiple of 4 bytes:
// none where it has none. They are what an answer brings back (RFC 1122 §3.2.2.6).
func (p *Packet) AppendRecords(b []byte) []byte {
	if p.V6 || p.Hdr == 20 {
		return b
	}
	return AppendRecords(b, p.Raw[20:p.Hdr])
}

// AppendRecords appends those of the IPv4 options that record the way, as Packet.AppendRecords does.
func AppendRecords(b, options []byte) []byte {
	start := len(b)
	eachOption(options, func(o []byte) {
		if records(o[0]) {
			b = append(b, o...)
		}
	})
	for (len(b)-start)%4 != 0 {
		b = append(b, optEnd)
	}
	return b
}

// eachOption calls f for each IPv4 option that has a length, as far as they are whole.
func eachOption(options []byte, f func(o []byte)) {
	for len(options) > 0 && options[0] != optEnd {
		if options[0] == optNone {
			options = options[1:]
			continue
		}
		if len(options) < 2 || options[1] < 2 || int(options[1]) > len(options) {
			return
		}
		f(options[:options[1]])
		options = options[options[1]:]
	}
}
