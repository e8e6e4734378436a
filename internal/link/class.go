package link

// Class is the urgency of a datagram: lower goes first.
type Class uint8

// The classes of datagrams, each with a bounded queue of its own.
const (
	Urgent      Class = iota // ICMP, events, heartbeats
	Interactive              // small UDP payloads
	Bulk                     // large UDP payloads
	numClasses
)
