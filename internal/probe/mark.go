package probe

import "fmt"

// Types and codes of ICMP errors (RFC 792, RFC 1122 §3.2.2.1, RFC 1812 §5.2.7; RFC 4443 §3).
const (
	unreachable4, timeExceeded4, parameter4             = 3, 11, 12
	unreachable6, tooBig6, timeExceeded6, parameterOne6 = 1, 2, 3, 4

	fragNeeded = 4
)

func timeExceeded(v6 bool) uint8 {
	if v6 {
		return timeExceeded6
	}
	return timeExceeded4
}

// Mark returns what traceroute prints behind the time of an answer: "" where the packet has arrived or
// its TTL was used up.
func (a *Answer) Mark() string {
	switch {
	case a.Kind == TooLong:
		return fmt.Sprintf("!F-%d", a.Info)
	case a.Kind == Reply || a.passed():
		return ""
	case a.v6():
		return a.mark6()
	}
	return a.mark4()
}

func (a *Answer) mark4() string {
	if a.Type != unreachable4 {
		return fmt.Sprintf("!<%d-%d>", a.Type, a.Code)
	}
	switch a.Code {
	case 0, 6, 8, 11:
		return "!N"
	case 1, 7, 12:
		return "!H"
	case 2:
		return "!P"
	case 3: // the port: the packet has arrived
		return ""
	case fragNeeded:
		return fmt.Sprintf("!F-%d", a.Info)
	case 5:
		return "!S"
	case 9, 10, 13:
		return "!X"
	case 14:
		return "!V"
	case 15:
		return "!C"
	}
	return fmt.Sprintf("!<%d>", a.Code)
}

func (a *Answer) mark6() string {
	switch a.Type {
	case tooBig6:
		return fmt.Sprintf("!F-%d", a.Info)
	case unreachable6:
	default:
		return fmt.Sprintf("!<%d-%d>", a.Type, a.Code)
	}
	switch a.Code {
	case 0:
		return "!N"
	case 1:
		return "!X"
	case 2, 3:
		return "!H"
	case 4: // the port: the packet has arrived
		return ""
	}
	return fmt.Sprintf("!<%d>", a.Code)
}
