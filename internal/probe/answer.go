package probe

import (
	"net/netip"
	"time"
)

// Kind says what sort of answer came.
type Kind uint8

// The kinds of answers.
const (
	Reply   Kind = iota // of the destination: echo reply, UDP payload, SYN-ACK, RST
	Error               // an ICMP error of a router or of the destination
	TooLong             // our own kernel: larger than Info, the MTU that it knows
)

// Answer is what was heard about one packet.
type Answer struct {
	Kind Kind
	Seq  uint16     // of the packet that it is about
	From netip.Addr // who says it; zero for TooLong
	At   time.Time  // when it came
	TTL  uint8      // with which it came; 0: unknown
	Data []byte     // behind the header of an echo reply

	Type, Code uint8  // of an Error
	Info       uint32 // the MTU of "too big", or where a parameter problem is
}

// v6 says of an Error by which ICMP it speaks.
func (a *Answer) v6() bool { return a.From.Is6() }

// passed says that a router says no more than that the TTL was used up.
func (a *Answer) passed() bool {
	return a.Kind == Error && a.Code == 0 && a.Type == timeExceeded(a.v6())
}

// stray says that a message is none about how a packet ended: source quench, redirect.
func (a *Answer) stray() bool {
	return a.Kind == Error && !a.v6() && (a.Type == 4 || a.Type == 5) || a.Kind == Error && a.v6() && a.Type >= 128
}

// since returns how long after sent the answer came. The kernel stamps it with the time of day, which
// may have been set meanwhile: then it is as long as this process has seen.
func (a *Answer) since(sent, now time.Time) time.Duration {
	seen := now.Sub(sent)
	if rtt := a.At.Round(0).Sub(sent.Round(0)); rtt >= 0 && rtt <= seen {
		return rtt
	}
	return seen
}

// tooBig says of an Error that it names an MTU in Info.
func (a *Answer) tooBig() bool {
	return a.v6() && a.Type == tooBig6 || !a.v6() && a.Type == unreachable4 && a.Code == fragNeeded
}
