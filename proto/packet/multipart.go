package packet

// Extension is what a multi-part ICMP error says behind the packet that it quotes (RFC 4884 §7): MPLS
// labels (RFC 4950), interfaces (RFC 5837). It is carried as its router wrote it; nobody here reads
// its objects. The zero value is none.
//
//	 0                   1                   2                   3
//	 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  2    |       reserved        |           checksum            |
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
//	|  objects, each behind its length, class and type …
//	+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+-+
type Extension struct {
	// Raw is the structure drawn above, of 4 to MaxExtension bytes; empty: there is none.
	Raw string
	// Quoted is how much of the packet is quoted in front of it, zeros behind it included, as the error
	// says: in words of 32 bits, for IPv6 of 64. 0: it does not say, as before RFC 4884; then it is 128
	// bytes (§5.5).
	Quoted uint8
}

const (
	// minExtended is how much is quoted in front of an extension at least (RFC 4884 §3).
	minExtended = 128
	// MaxExtension is the size of the largest extension that fits an ICMPv4 error behind that.
	MaxExtension = maxError4 - 28 - minExtended
)

// extensionWord returns the size of the unit of Extension.Quoted in bytes (RFC 4884 §3).
func extensionWord(v6 bool) int {
	if v6 {
		return 8
	}
	return 4
}

// extends says whether an ICMP error of that type may have an extension (RFC 4884 §4).
func extends(v6 bool, typ uint8) bool {
	if v6 {
		return typ == Type6Unreachable || typ == Type6TimeExceeded
	}
	return typ == TypeUnreachable || typ == TypeTimeExceeded || typ == TypeParamProblem
}

// SplitQuote divides what an ICMP error quotes of a packet, from its byte skipped on, into the packet
// and the extension. at is where the error says that the extension begins, counted from the first byte
// of the packet; 0 where it does not say: then it is one where its checksum is right (RFC 4884 §5.5).
func SplitQuote(quoted []byte, skipped, at int, v6 bool) ([]byte, Extension) {
	stated := at != 0
	if !stated {
		at = minExtended
	}
	from := at - skipped
	if at < minExtended || from < 0 || from+4 > len(quoted) || len(quoted)-from > MaxExtension {
		return quoted, Extension{}
	}
	raw := quoted[from:]
	if raw[0]>>4 != 2 || !stated && (raw[2]|raw[3] == 0 || Checksum(raw, 0) != 0) {
		return quoted, Extension{}
	}
	x := Extension{Raw: string(raw)}
	if stated {
		x.Quoted = uint8(at / extensionWord(v6))
	}
	return quoted[:from], x
}

// ExtensionAt returns where the ICMP error p says that its extension begins, counted from the first
// byte of the packet that it quotes; 0 where it does not say.
func (p *Packet) ExtensionAt() int {
	if !p.IsICMPError() || !extends(p.V6, p.Type) {
		return 0
	}
	t := p.Transport()
	if p.V6 {
		return int(t[4]) * extensionWord(true)
	}
	return int(t[5]) * extensionWord(false)
}

// quote returns how much of orig the error e quotes, how many zeros follow, and the length that it
// states in front of its extension, 0 for none. Where too little of orig is known, less is quoted than
// the router did, but not below the least.
func (e *Error) quote(orig *Packet) (quote []byte, zeros int, words uint8) {
	limit := MaxQuote(orig.V6)
	if !e.extended(orig.V6) {
		return orig.Raw[:min(len(orig.Raw), limit)], 0, 0
	}
	word := extensionWord(orig.V6)
	size := minExtended
	if e.Extension.Quoted != 0 {
		size = max(size, min(int(e.Extension.Quoted)*word, (limit-len(e.Extension.Raw))/word*word))
		if known := len(orig.Raw); known < size && known < orig.statedLen() {
			size = max(minExtended, known/word*word)
		}
		words = uint8(size / word)
	}
	quote = orig.Raw[:min(len(orig.Raw), size)]
	return quote, size - len(quote), words
}

// extended says whether e has an extension that may be said.
func (e *Error) extended(v6 bool) bool {
	n := len(e.Extension.Raw)
	return n >= 4 && n <= MaxExtension && extends(v6, e.Type)
}

// statedLen is the length that the header of a packet states, which may be cut short.
func (p *Packet) statedLen() int {
	if p.V6 {
		return 40 + int(p.Raw[4])<<8 + int(p.Raw[5])
	}
	return int(p.Raw[2])<<8 + int(p.Raw[3])
}
