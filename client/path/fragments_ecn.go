package path

// ecnSet are the ECN codepoints of a packet's fragments, one bit each, 1 << codepoint (RFC 3168 §5).
type ecnSet uint8

const (
	notECT, ecnCE     = 0, 3
	ecnMask           = 3
	tcShift6      int = 4 // of the traffic class in the second byte of IPv6
)

// add notes the traffic class of a fragment.
func (e *ecnSet) add(tos uint8) { *e |= 1 << (tos & ecnMask) }

// agree says whether the fragments are of one packet: a sender that knows ECN says so in all of
// them. Where some say that they do not, a mark on another is not to be lost, and the packet is
// dropped (RFC 3168 §5.3; Linux does the same).
func (e ecnSet) agree() bool { return e == 1<<notECT || e&(1<<notECT) == 0 }

// congested says whether a router has marked one of them.
func (e ecnSet) congested() bool { return e&(1<<ecnCE) != 0 }

// setCE marks a packet whose header checksum is still to be made.
func setCE(b []byte, v6 bool) {
	if v6 {
		b[1] |= ecnCE << tcShift6
	} else {
		b[1] |= ecnCE
	}
}
