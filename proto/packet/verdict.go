package packet

// Verdict is how a room ends its work on a packet: why, and which ICMP error
// its sender gets for it, NoError where none. The loop around the room counts the
// reason and sends the error.
type Verdict struct {
	Reason Reason
	Answer ErrorKind
	MTU    uint32 // of an Answer TooBig
}
