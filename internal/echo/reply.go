package echo

import (
	"encoding/binary"
	"net/netip"
)

// The reply buffers of the Windows echo API (iphlpapi.h) on 64-bit systems, and
// what their status codes mean. Pure, so that it is tested where tests run.
//
// ICMP_ECHO_REPLY; Data points into the buffer behind it:
//
//	offset  0 Address        4  of the replier, network order
//	        4 Status         4  IP_STATUS
//	        8 RoundTripTime  4  whole milliseconds
//	       12 DataSize       2
//	       14 Reserved       2
//	       16 Data           8  pointer
//	       24 Options.Ttl    1
//	       25 Options.Tos    1
//	       26 Options.Flags  1
//	       27 OptionsSize    1
//	       32 OptionsData    8  pointer
//
// ICMPV6_ECHO_REPLY; its address is packed, the data follows it:
//
//	offset  0 sin6_port      2
//	        2 sin6_flowinfo  4
//	        6 sin6_addr     16
//	       22 sin6_scope_id  4
//	       28 Status         4
//	       32 RoundTripTime  4
const (
	replySize  = 40
	reply6Size = 36
	// extra is what the API wants behind reply and data: an ICMP error, and an IO_STATUS_BLOCK.
	extra = 8 + 16
)

// IP_STATUS codes (ipexport.h).
const (
	StatusSuccess         = 0
	StatusNetUnreachable  = 11002 // v6: no route
	StatusHostUnreachable = 11003 // v6: address unreachable
	StatusProtUnreachable = 11004 // v6: prohibited
	StatusPortUnreachable = 11005
	StatusNoResources     = 11006
	StatusPacketTooBig    = 11009
	StatusTimedOut        = 11010
	StatusTTLTransit      = 11013
	StatusTTLReassembly   = 11014
	StatusParamProblem    = 11015
	StatusBadDestination  = 11018
	StatusUnreachable6    = 11040
	StatusTimeExceeded6   = 11041
	StatusBadHeader6      = 11042
	StatusUnrecognized6   = 11043
	StatusScopeMismatch6  = 11045
	StatusGeneralFailure  = 11050
)

// Reply is what came of a request: an echo reply, an ICMP error, or a failure of this host.
type Reply struct {
	From     netip.Addr
	Status   uint32 // an IP_STATUS or a Win32 error
	TTL, TOS uint8  // 0 = unknown; IPv6 never tells
	Data     []byte // of an echo reply; aliases the buffer of the request
}

// parseReply reads an ICMP_ECHO_REPLY at the start of b, whose first byte
// lies at address base. False where the buffer is not what it should be.
func parseReply(b []byte, base uint64) (Reply, bool) {
	if len(b) < replySize {
		return Reply{}, false
	}
	r := Reply{
		From:   netip.AddrFrom4([4]byte(b[0:4])),
		Status: binary.LittleEndian.Uint32(b[4:]),
		TTL:    b[24], TOS: b[25],
	}
	size, at := int(binary.LittleEndian.Uint16(b[12:])), binary.LittleEndian.Uint64(b[16:])
	if size == 0 { // an empty payload: the pointer may be anything
		return r, true
	}
	if at < base || at-base > uint64(len(b)) || uint64(size) > uint64(len(b))-(at-base) {
		return Reply{}, false
	}
	r.Data = b[at-base:][:size]
	return r, true
}

// parseReply6 reads an ICMPV6_ECHO_REPLY at the start of b, which answers a
// request of size bytes: the structure does not say how many came.
func parseReply6(b []byte, size int) (Reply, bool) {
	if len(b) < reply6Size {
		return Reply{}, false
	}
	r := Reply{From: netip.AddrFrom16([16]byte(b[6:22])), Status: binary.LittleEndian.Uint32(b[28:])}
	if r.Status == StatusSuccess {
		if len(b) < reply6Size+size {
			return Reply{}, false
		}
		r.Data = b[reply6Size:][:size]
	}
	return r, true
}

// TypeCode returns the ICMP error behind a status; false where none came: success, time-out, or a
// failure of this host.
func TypeCode(status uint32, v6 bool) (typ, code uint8, ok bool) {
	v4 := map[uint32][2]uint8{
		StatusNetUnreachable: {3, 0}, StatusHostUnreachable: {3, 1}, StatusProtUnreachable: {3, 2}, StatusPortUnreachable: {3, 3},
		StatusPacketTooBig: {3, 4}, StatusTTLTransit: {11, 0}, StatusTTLReassembly: {11, 1}, StatusParamProblem: {12, 0},
	}
	s6 := map[uint32][2]uint8{
		StatusNetUnreachable: {1, 0}, StatusProtUnreachable: {1, 1}, StatusScopeMismatch6: {1, 2}, StatusHostUnreachable: {1, 3},
		StatusPortUnreachable: {1, 4}, StatusUnreachable6: {1, 3}, StatusPacketTooBig: {2, 0}, StatusTTLTransit: {3, 0},
		StatusTimeExceeded6: {3, 0}, StatusTTLReassembly: {3, 1}, StatusBadHeader6: {4, 0}, StatusParamProblem: {4, 0}, StatusUnrecognized6: {4, 1},
	}
	t := v4
	if v6 {
		t = s6
	}
	tc, ok := t[status]
	return tc[0], tc[1], ok
}
