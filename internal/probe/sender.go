package probe

import (
	"errors"
	"net/netip"
	"time"
)

// Method is the protocol of the packets.
type Method uint8

// The methods. UDP is to one port more with each packet, as traceroute does by default; the caller
// says which.
const (
	ICMP Method = iota
	UDP
	TCP
)

// String returns the method's name as JSON has it.
func (m Method) String() string { return [...]string{"icmp", "udp", "tcp"}[m] }

// DF says what the packets say about fragments, and who knows the path MTU.
type DF uint8

// The ways of -M (ping) and -F (traceroute).
const (
	Want  DF = iota // set while a packet fits the MTU that our kernel knows; else it fragments
	Dont            // clear: anybody may fragment
	Do              // set, and our kernel refuses what it knows to be too large
	Probe           // set, and routers refuse
)

// Config is what all packets of a sender have in common.
type Config struct {
	Method Method
	Dst    netip.Addr // with the zone of a link-local one
	Source netip.Addr // zero: the kernel chooses
	Device string     // "" for what the routes say
	Class  uint8      // TOS, traffic class
	DF     DF
}

// Packet is one packet to send.
type Packet struct {
	Seq     uint16 // by which answers name it; of those that wait each has its own
	TTL     uint8  // 0: the host's own
	Port    uint16 // of UDP and TCP
	Payload []byte // of ICMP and UDP
}

// Sender sends to one destination and hears what is said about it. Only Wake may be called by several
// goroutines.
type Sender interface {
	// Source returns the address that packets leave from.
	Source() netip.Addr
	// Send sends one packet. ErrBusy: not now, it may go later.
	Send(p Packet) error
	// Receive returns what has come, and waits for it until a moment (zero: without end) or Wake.
	Receive(until time.Time) ([]Answer, error)
	// Forget frees what is held for a packet that nobody waits for any more.
	Forget(seq uint16)
	// Wake ends the Receive of now, or else the next one.
	Wake()
	// Close frees everything.
	Close() error
}

// ErrBusy says that the kernel has no room for a packet now.
var ErrBusy = errors.New("no buffer space available")
