package probe

import "fmt"

// Words returns what ping prints about an ICMP error.
func (a *Answer) Words() string {
	if a.v6() {
		return a.words6()
	}
	switch a.Type {
	case unreachable4:
		return a.unreachable4()
	case 4:
		return "Source Quench"
	case 5:
		return a.redirect4()
	case timeExceeded4:
		switch a.Code {
		case 0:
			return "Time to live exceeded"
		case 1:
			return "Frag reassembly time exceeded"
		}
		return fmt.Sprintf("Time exceeded, Bad Code: %d", a.Code)
	case parameter4:
		return fmt.Sprintf("Parameter problem: pointer = %d", a.Info)
	}
	return fmt.Sprintf("Bad ICMP type: %d", a.Type)
}

func (a *Answer) unreachable4() string {
	words := [...]string{
		0: "Destination Net Unreachable", 1: "Destination Host Unreachable",
		2: "Destination Protocol Unreachable", 3: "Destination Port Unreachable",
		fragNeeded: fmt.Sprintf("Frag needed and DF set (mtu = %d)", a.Info),
		5:          "Source Route Failed", 6: "Destination Net Unknown", 7: "Destination Host Unknown",
		8: "Source Host Isolated", 9: "Destination Net Prohibited", 10: "Destination Host Prohibited",
		11: "Destination Net Unreachable for Type of Service",
		12: "Destination Host Unreachable for Type of Service",
		13: "Packet filtered", 14: "Precedence Violation", 15: "Precedence Cutoff",
	}
	if int(a.Code) < len(words) {
		return words[a.Code]
	}
	return fmt.Sprintf("Dest Unreachable, Bad Code: %d", a.Code)
}

func (a *Answer) redirect4() string {
	words := [...]string{"Network", "Host", "Type of Service and Network", "Type of Service and Host"}
	if int(a.Code) < len(words) {
		return "Redirect " + words[a.Code]
	}
	return fmt.Sprintf("Redirect, Bad Code: %d", a.Code)
}

func (a *Answer) words6() string {
	switch a.Type {
	case unreachable6:
		words := [...]string{
			"No route", "Administratively prohibited", "Beyond scope of source address",
			"Address unreachable", "Port unreachable",
		}
		if int(a.Code) < len(words) {
			return "Destination unreachable: " + words[a.Code]
		}
		return fmt.Sprintf("Destination unreachable: Unknown code %d", a.Code)
	case tooBig6:
		return fmt.Sprintf("Packet too big: mtu=%d", a.Info)
	case timeExceeded6:
		switch a.Code {
		case 0:
			return "Time exceeded: Hop limit"
		case 1:
			return "Time exceeded: Defragmentation failure"
		}
		return fmt.Sprintf("Time exceeded: code %d", a.Code)
	case parameterOne6:
		words := [...]string{"Wrong header field ", "Unknown header ", "Unrecognized option "}
		what := fmt.Sprintf("code %d ", a.Code)
		if int(a.Code) < len(words) {
			what = words[a.Code]
		}
		return fmt.Sprintf("Parameter problem: %sat %d", what, a.Info)
	}
	return fmt.Sprintf("unknown icmp type: %d", a.Type)
}
