package packet

import (
	"strconv"
	"sync/atomic"
)

// Reason says where a packet, session or flow ended and why: one enum for the
// whole product, counted by every loop, shown by every `status`.
type Reason uint8

// The reasons. OK means that the packet went on.
const (
	OK              Reason = iota
	Malformed              // not what its headers say
	Multicast              // multicast or broadcast, which we do not carry
	Unsupported            // a protocol or ICMP type that we do not carry
	UnknownType            // a datagram, stream or message of a type we do not know
	Spoofed                // source or session that does not belong to the sender
	TTLExpired             // answered with Time Exceeded, or dropped on the way back
	Denied                 // by policy
	NoRoute                // no route for the destination
	ConnectorDown          // a route, but no connector
	LinkDown               // no link to send on
	QueueFull              // a link's send queue
	TableFull              // a table's bound
	TooLarge               // answered with packet too big, or larger than anything allowed
	RateLimited            // an answer that was not made, to protect the asker; counted beside the reason for which it was due
	Unsolicited            // an answer to nothing that was asked
	UnknownSession         // a session id nobody registered
	Forbidden              // by the connector's own allow and deny lists
	ICMPOff                // the connector has no way to send ICMP
	Refused                // by the origin
	Unreachable            // an ICMP error said so
	Timeout                // nothing came
	NoBuffers              // the kernel had no room (ENOBUFS, neighbour table)
	SendFailed             // any other error of the kernel
	FragmentTimeout        // a fragment was missing for 30 s
	FragmentOverlap        // fragments that overlap (RFC 5722)
	Superseded             // something newer took its place: a held SYN's next copy, another of the asker's when none had an answer
	Closed                 // its session, flow or component has ended
	Unanswered             // too many destinations that are asked and have never answered
	BadOption              // answered with parameter problem: an IP option or hop-by-hop option that is wrong
	MemoryShort            // a flow that held memory and did not move, when others needed it
	OptionsLost            // sent on without its IP options, which this system cannot send; counted beside what became of it
	NumReasons
)

// reasonNames is what status and metrics show.
var reasonNames = [NumReasons]string{
	OK:              "ok",
	Malformed:       "malformed",
	Multicast:       "multicast",
	Unsupported:     "unsupported",
	UnknownType:     "unknown type",
	Spoofed:         "spoofed",
	TTLExpired:      "ttl expired",
	Denied:          "denied",
	NoRoute:         "no route",
	ConnectorDown:   "connector down",
	LinkDown:        "link down",
	QueueFull:       "queue full",
	TableFull:       "table full",
	TooLarge:        "too large",
	RateLimited:     "rate limited",
	Unsolicited:     "unsolicited",
	UnknownSession:  "unknown session",
	Forbidden:       "forbidden",
	ICMPOff:         "icmp off",
	Refused:         "refused",
	Unreachable:     "unreachable",
	Timeout:         "timeout",
	NoBuffers:       "no buffers",
	SendFailed:      "send failed",
	FragmentTimeout: "fragment timeout",
	FragmentOverlap: "fragment overlap",
	Superseded:      "superseded",
	Closed:          "closed",
	Unanswered:      "unanswered",
	BadOption:       "bad option",
	MemoryShort:     "memory short",
	OptionsLost:     "options lost",
}

// String returns the reason in words, as `status` shows it.
func (r Reason) String() string {
	if r < NumReasons {
		return reasonNames[r]
	}
	return "reason " + strconv.Itoa(int(r))
}

// Counters counts by reason. The zero value is ready; safe for concurrent use.
type Counters struct {
	n [NumReasons]atomic.Uint64
}

// Count adds one to r.
func (c *Counters) Count(r Reason) { c.n[r%NumReasons].Add(1) }

// Get returns how often r was counted.
func (c *Counters) Get(r Reason) uint64 { return c.n[r%NumReasons].Load() }

// Snapshot returns what is not zero, by name: for status and metrics.
func (c *Counters) Snapshot() map[string]uint64 {
	m := make(map[string]uint64)
	for r := range NumReasons {
		if v := c.n[r].Load(); v != 0 {
			m[r.String()] = v
		}
	}
	return m
}
