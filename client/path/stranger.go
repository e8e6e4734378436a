package path

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// Strangers are packets of the host whose source is no address of this device: of a socket that is
// bound to another one, or of a container or machine behind the host without masquerade. The edge lets
// nobody speak for another, and an answer would not find back; so they end here and are told so.
type Strangers struct {
	Count uint64
	Last  netip.Addr // source of the last one; zero: there was none
	At    time.Time  // when that was
}

// stranger refuses one, in this device's own name: the edge has no part in it. (A router may drop what
// it filters in silence, RFC 1812 §5.3.8 and BCP 38; a person would look for the fault elsewhere.)
func (o *outbound) stranger(p *packet.Packet, now time.Time, st *linkState) outcome {
	o.strangers.Count++
	o.strangers.Last, o.strangers.At = p.Src, now
	return o.answers.answer(packet.Verdict{Reason: packet.Spoofed, Answer: packet.AdminProhibited}, p, now, st)
}
