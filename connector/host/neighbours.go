package host

import (
	"net/netip"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

// The bounds on destinations in this machine's own networks that are asked and have never answered.
// Each is an entry in the kernel's neighbour table, of which all namespaces of a machine together
// have 1,024 (gc_thresh3): a scan of a /16 would leave none for the others. A neighbour that is not
// there is reported after three seconds.
const (
	maxUnanswered          = 256
	maxUnansweredPerClient = 64
	unansweredFor          = 4 * time.Second
	maxHeard               = 8192 // destinations known to answer
)

// neighbours bounds how many destinations are asked at once that nobody has ever heard. Safe for
// concurrent use.
type neighbours struct {
	asked *table.Table[netip.Addr, netip.Addr, struct{}] // destination, owned by the client that asked first
	heard *table.Recent[netip.Addr, struct{}]
}

// newNeighbours returns an empty table. What makes room for another client's is counted: the kernel
// may still ask for it for three seconds, beside the newcomer's.
func newNeighbours(counters *packet.Counters) *neighbours {
	return &neighbours{
		asked: table.New[netip.Addr, netip.Addr](table.Config[netip.Addr, struct{}]{
			Max: maxUnanswered, MaxPerOwner: maxUnansweredPerClient,
			OnEvict: func(_ netip.Addr, _ struct{}, why packet.Reason) {
				if why == packet.Superseded {
					counters.Count(why)
				}
			},
		}),
		heard: table.NewRecent[netip.Addr, struct{}](maxHeard),
	}
}

// endClient forgets what a client asks.
func (n *neighbours) endClient(client netip.Addr) { n.asked.DeleteOwner(client) }

// waiting returns how many destinations are asked now that have never answered.
func (n *neighbours) waiting(now time.Time) int {
	n.asked.Expire(now)
	return n.asked.Len()
}

// known says whether dst has answered before.
func (n *neighbours) known(dst netip.Addr) bool {
	_, ok := n.heard.Get(dst)
	return ok
}

// admit says whether client may ask dst now. RFC 6888 REQ-8: who is out of resources says host
// unreachable.
func (n *neighbours) admit(client, dst netip.Addr, now time.Time) packet.Verdict {
	if n.known(dst) {
		return packet.Verdict{}
	}
	if _, ok := n.asked.Touch(now, dst); ok {
		return packet.Verdict{}
	}
	if n.asked.Add(now, dst, client, struct{}{}, unansweredFor) != packet.OK {
		return packet.Verdict{Reason: packet.Unanswered, Answer: packet.HostUnreachable}
	}
	return packet.Verdict{}
}

// settle notes an answer about dst: its own, or an error of from. The idlest that makes room among
// those that have been heard is asked as a stranger again.
func (n *neighbours) settle(dst, from netip.Addr) {
	if dst == from {
		if n.known(dst) {
			return
		}
		n.heard.Put(dst, struct{}{})
	}
	n.asked.Delete(dst)
}
