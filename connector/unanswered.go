package connector

import (
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

// The bounds on destinations in this host's own networks that are asked and have never answered. Each is an
// entry in the kernel's neighbour table, of which all namespaces of a machine together have 1,024 (gc_thresh3): a scan of
// a /16 would leave none for the others. A neighbour that is not there is reported after three seconds.
const (
	maxUnanswered          = 256
	maxUnansweredPerClient = 64
	unansweredFor          = 4 * time.Second
	maxHeard               = 8192 // destinations known to answer
)

// unanswered bounds how many destinations are asked at once that nobody has ever heard. Safe for concurrent use.
type unanswered struct {
	asked *table.Table[netip.Addr, netip.Addr, struct{}] // destination, owned by the client that asked first

	mu    sync.Mutex
	heard map[netip.Addr]struct{} // guarded by mu
}

// newUnanswered returns an empty table. What makes room for another client's is told to count: the kernel may still ask for
// it for three seconds, beside the newcomer's.
func newUnanswered(count func(packet.Reason)) *unanswered {
	return &unanswered{
		asked: table.New[netip.Addr, netip.Addr](table.Config[netip.Addr, struct{}]{
			Max: maxUnanswered, MaxPerOwner: maxUnansweredPerClient,
			OnEvict: func(_ netip.Addr, _ struct{}, why packet.Reason) {
				if why == packet.Superseded {
					count(why)
				}
			},
		}),
		heard: make(map[netip.Addr]struct{}),
	}
}

// endClient forgets what a client asks whose device has ended.
func (u *unanswered) endClient(client netip.Addr) { u.asked.DeleteOwner(client) }

// waiting returns how many destinations are asked now that have never answered.
func (u *unanswered) waiting(now time.Time) int {
	u.asked.Expire(now)
	return u.asked.Len()
}

// known says whether dst has answered before.
func (u *unanswered) known(dst netip.Addr) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	_, ok := u.heard[dst]
	return ok
}

// admit says whether client may ask dst now. RFC 6888 REQ-8: who is out of resources says host unreachable.
func (u *unanswered) admit(client, dst netip.Addr, now time.Time) packet.Verdict {
	if _, ok := u.asked.Touch(now, dst); ok {
		return packet.Verdict{}
	}
	if u.asked.Add(now, dst, client, struct{}{}, unansweredFor) != packet.OK {
		return packet.Verdict{Reason: packet.Unanswered, Answer: packet.HostUnreachable}
	}
	return packet.Verdict{}
}

// answered notes an answer about dst: its own, or an error of from, which says that nothing more is to be waited for.
func (u *unanswered) answered(dst, from netip.Addr) {
	if dst == from {
		u.mu.Lock()
		_, known := u.heard[dst]
		if !known {
			if len(u.heard) >= maxHeard {
				clear(u.heard) // they will be heard again
			}
			u.heard[dst] = struct{}{}
		}
		u.mu.Unlock()
		if known {
			return
		}
	}
	u.asked.Delete(dst)
}
