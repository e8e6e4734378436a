package packet

// IPv4 options (RFC 791 §3.1, RFC 2113), those of which a router looks at more than the length.
const (
	optEnd         = 0
	optNone        = 1
	optRecordRoute = 7
	optTimestamp   = 68
	optLooseRoute  = 131
	optStrictRoute = 137
	optRouterAlert = 148
)

// checkOptions goes through the options of an IPv4 header as the first router on the way
// does before it looks at anything else (RFC 1812 §5.2.4, §5.3.13). OK: it may pass on. Unsupported: it
// has a source route (RFC 7126 §4.3). BadOption: the byte at that offset of the header is wrong. Options that
// we do not know are none of our business (RFC 1812 §5.3.13.1); nothing is recorded in those that
// ask for it (§5.3.13.5), for they end at the client.
func checkOptions(head []byte) (at int, r Reason) {
	var seen [256]bool
	for at = 20; at < len(head) && head[at] != optEnd; {
		if head[at] == optNone {
			at++
			continue
		}
		o := head[at:]
		if len(o) < 2 || o[1] < 2 || int(o[1]) > len(o) {
			return at, BadOption
		}
		o = o[:o[1]]
		kind := o[0]
		if kind == optStrictRoute {
			kind = optLooseRoute // there may be one of either
		}
		if seen[kind] && atMostOnce(kind) {
			return at, BadOption
		}
		seen[kind] = true
		if wrong := wrongByte(o); wrong != 0 {
			return at + wrong, BadOption
		}
		at += len(o)
	}
	if seen[optLooseRoute] {
		return 0, Unsupported
	}
	return 0, OK
}

// atMostOnce: RFC 791 §3.1, RFC 1812 §5.2.4.1.
func atMostOnce(kind byte) bool {
	return kind == optRecordRoute || kind == optTimestamp || kind == optLooseRoute
}

// wrongByte returns the offset in an option of what is wrong with it, 0 where nothing is.
func wrongByte(o []byte) int {
	switch o[0] {
	case optLooseRoute, optStrictRoute:
		return wrongPointer(o, 3, 4)
	case optRecordRoute:
		if wrong := wrongPointer(o, 3, 4); wrong != 0 {
			return wrong
		}
		return wrongRoom(o, 4)
	case optTimestamp:
		return wrongTimestamp(o)
	case optRouterAlert:
		if len(o) < 4 {
			return 1
		}
	}
	return 0
}

// wrongPointer: an option has at least least bytes, and its third points at or behind first.
func wrongPointer(o []byte, least int, first byte) int {
	switch {
	case len(o) < least:
		return 1
	case o[2] < first:
		return 2
	}
	return 0
}

// wrongRoom: there is some room where the option points to, but not for what belongs there.
func wrongRoom(o []byte, size int) int {
	if at := int(o[2]) - 1; at < len(o) && at+size > len(o) {
		return 2
	}
	return 0
}

func wrongTimestamp(o []byte) int {
	const withAddress, prespecified, mostMissed = 1, 3, 15
	if wrong := wrongPointer(o, 4, 5); wrong != 0 {
		return wrong
	}
	flag, missed := o[3]&15, o[3]>>4
	if full := int(o[2]) > len(o); full {
		if flag != prespecified && missed == mostMissed { // "the overflow count itself overflows"
			return 3
		}
		return 0
	}
	if flag == withAddress || flag == prespecified {
		return wrongRoom(o, 8)
	}
	return wrongRoom(o, 4)
}
