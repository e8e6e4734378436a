package packet

import "encoding/binary"

// IPv6 next headers (RFC 8200 §4).
const (
	hopByHop           = 0
	routing            = 43
	fragment           = 44
	noNextHeader       = 59
	destinationOptions = 60
)

// isExtension says whether an IPv6 next header is one of those, and no transport.
func isExtension(next uint8) bool {
	return next == hopByHop || next == routing || next == fragment || next == noNextHeader || next == destinationOptions
}

// Options of either options header.
const (
	opt6Pad1        = 0    // RFC 8200 §4.2
	opt6PadN        = 1    // the same
	opt6RouterAlert = 5    // RFC 2711
	opt6Jumbo       = 0xc2 // RFC 2675
)

// checkHopOptions goes through a hop-by-hop options header, which every router reads before anything
// else (RFC 8200 §4.3). BadOption: Fault and Pointer say what the sender is told.
func (p *Packet) checkHopOptions() Reason {
	const start = 40
	if len(p.Raw) < start+8 {
		return Malformed
	}
	end := start + 8 + int(p.Raw[start+1])*8
	if len(p.Raw) < end {
		return Malformed
	}
	for at := start + 2; at < end; {
		if p.Raw[at] == opt6Pad1 {
			at++
			continue
		}
		o := option6(p.Raw[at:end])
		if o == nil {
			return Malformed
		}
		if r := p.checkHopOption(o, at); r != OK {
			return r
		}
		at += len(o)
	}
	return OK
}

// option6 returns the option at the start of b; nil where it does not fit.
func option6(b []byte) []byte {
	if len(b) < 2 || len(b) < 2+int(b[1]) {
		return nil
	}
	return b[:2+int(b[1])]
}

// checkHopOption looks at one option other than Pad1.
func (p *Packet) checkHopOption(o []byte, at int) Reason {
	switch o[0] {
	case opt6PadN:
		return OK
	case opt6RouterAlert:
		if len(o) != 4 {
			return Malformed
		}
		return OK
	case opt6Jumbo:
		return p.checkJumbo(o, at)
	}
	switch o[0] >> 6 { // the action of who does not know the option (RFC 8200 §4.2)
	case 0:
		return OK
	case 1:
		return Unsupported
	}
	p.Fault, p.Pointer = UnknownOption, uint32(at)
	return BadOption
}

// checkJumbo: nothing that has a length of 16 bits is a jumbogram (RFC 2675 §3).
func (p *Packet) checkJumbo(o []byte, at int) Reason {
	if len(o) != 6 || at%4 != 2 {
		return Malformed
	}
	p.Fault, p.Pointer = BadField, uint32(at)
	if binary.BigEndian.Uint32(o[2:]) <= 65535 {
		p.Pointer += 2 // the length
	}
	return BadOption
}

// skipExtensions walks the IPv6 extension headers (RFC 8200 §4) up to the transport header or a
// fragment header. They end at the client, so that it goes no further where its destination
// would have to understand one of them, which is taken for the transport then: options that say so,
// a routing header with segments left.
func (p *Packet) skipExtensions(next uint8, off int) Reason {
	p.next = 6
	for range 16 {
		rest := p.Raw[off:]
		switch next {
		case hopByHop, routing, destinationOptions:
			if len(rest) < 8 || len(rest) < (int(rest[1])+1)*8 {
				return Malformed
			}
			h := rest[:(int(rest[1])+1)*8]
			if next == hopByHop && off != 40 || next == routing && h[3] != 0 || next == destinationOptions && mustBeKnown(h[2:]) {
				p.Proto, p.Hdr = next, off
				return OK
			}
			p.next = off
			next, off = h[0], off+len(h)
		case fragment:
			if len(rest) < 8 {
				return Malformed
			}
			frag := binary.BigEndian.Uint16(rest[2:])
			p.FragHdr, p.ID = off, binary.BigEndian.Uint32(rest[4:])
			p.MF, p.FragOff = frag&1 != 0, int(frag&^7)
			p.next = off
			next, off = rest[0], off+8
			if p.MF || p.FragOff != 0 {
				p.Proto, p.Hdr = next, off
				return OK
			}
			p.DF = false
		default:
			p.Proto, p.Hdr = next, off
			return OK
		}
	}
	return Malformed
}

// behindExtensions returns the transport protocol and the offset of its header: those of p, and of
// what Parse has not looked into those that stand behind the extension headers there.
func (p *Packet) behindExtensions() (proto uint8, off int) {
	proto, off = p.Proto, p.Hdr
	for p.V6 && isExtension(proto) && proto != noNextHeader && len(p.Raw) >= off+8 {
		size := 8
		if proto != fragment {
			size += int(p.Raw[off+1]) * 8
		}
		proto, off = p.Raw[off], off+size
	}
	return proto, off
}

// mustBeKnown says whether one of the options is not to be passed over by who does not know it (RFC
// 8200 §4.2).
func mustBeKnown(options []byte) bool {
	for len(options) > 0 {
		if options[0] == opt6Pad1 {
			options = options[1:]
			continue
		}
		o := option6(options)
		if o == nil || o[0]>>6 != 0 {
			return true
		}
		options = options[len(o):]
	}
	return false
}
