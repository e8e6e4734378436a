package hop

import (
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/internal/link"
)

// bulkPayload is the UDP payload in bytes above which a session counts as bulk.
const bulkPayload = 1000

// EventClass is the class of what a node says of a session: an ICMP error, that it is registered,
// unknown, closed. All nodes send it before payloads, as ICMP goes (an error need not wait behind
// the bulk that it is about), and among themselves events keep their order.
const EventClass = link.Urgent

// dnsPort is the port of name servers.
const dnsPort = 53

// Traffic is what a node knows of the packets of one UDP session: by it client, edge and
// connector give the session the same class and the same idle time. The zero value is a
// new session's; safe for concurrent use.
type Traffic struct {
	bulk      atomic.Bool
	sent, got atomic.Uint32 // packets of the client, and of the other side, as far as 2
}

// Class returns the class of the session's next payload, which has n bytes: interactive
// until the first large one, bulk from then on. A session changes its queue at most once,
// toward the slower one, so that its packets stay in order.
func (t *Traffic) Class(n int) link.Class {
	switch {
	case t.bulk.Load():
		return link.Bulk
	case n > bulkPayload:
		t.bulk.Store(true)
		return link.Bulk
	}
	return link.Interactive
}

// Sent counts a packet of the client.
func (t *Traffic) Sent() { count(&t.sent) }

// Received counts a packet of the other side.
func (t *Traffic) Received() { count(&t.got) }

func count(n *atomic.Uint32) {
	if n.Load() < 2 {
		n.Add(1)
	}
}

// Answered says whether the other side has sent a packet.
func (t *Traffic) Answered() bool { return t.got.Load() != 0 }

// DNSExchange says whether a session to port is one question to a name server and its
// answer so far (RFC 4787 REQ-5 a).
func (t *Traffic) DNSExchange(port uint16) bool {
	return port == dnsPort && t.sent.Load() == 1 && t.got.Load() == 1
}

// Idle returns after how long without a packet a session to port ends of which SessionIdle
// says limit.
func (t *Traffic) Idle(port uint16, limit time.Duration) time.Duration {
	if t.DNSExchange(port) {
		return DNSIdle
	}
	return limit
}

// Inherit takes over what is known of the session that was in its place.
func (t *Traffic) Inherit(old *Traffic) {
	t.bulk.Store(old.bulk.Load())
	t.sent.Store(old.sent.Load())
	t.got.Store(old.got.Load())
}
