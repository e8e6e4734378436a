package icmp

import (
	"encoding/binary"
	"net/netip"

	"github.com/oneping/oneping/proto/packet"
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
	echoReplySize  = 40
	echoReply6Size = 36
	// echoExtra is what the API wants behind reply and data: an ICMP error, and an IO_STATUS_BLOCK.
	echoExtra = 8 + 16
)

// IP_STATUS codes (ipexport.h).
const (
	statusSuccess         = 0
	statusNetUnreachable  = 11002 // v6: no route
	statusHostUnreachable = 11003 // v6: address unreachable
	statusProtUnreachable = 11004 // v6: prohibited
	statusPortUnreachable = 11005
	statusNoResources     = 11006
	statusPacketTooBig    = 11009
	statusTimedOut        = 11010
	statusTTLTransit      = 11013
	statusTTLReassembly   = 11014
	statusParamProblem    = 11015
	statusBadDestination  = 11018
	statusUnreachable6    = 11040
	statusTimeExceeded6   = 11041
	statusBadHeader6      = 11042
	statusUnrecognized6   = 11043
	statusScopeMismatch6  = 11045
	statusGeneralFailure  = 11050
)

// echoReplied is one reply buffer in our words.
type echoReplied struct {
	from     netip.Addr
	status   uint32
	ttl, tos uint8  // 0 = unknown; IPv6 never tells
	data     []byte // aliases the buffer
}

// parseEchoReply reads an ICMP_ECHO_REPLY at the start of b, whose first byte
// lies at address base. False where the buffer is not what it should be.
func parseEchoReply(b []byte, base uint64) (echoReplied, bool) {
	if len(b) < echoReplySize {
		return echoReplied{}, false
	}
	r := echoReplied{
		from:   netip.AddrFrom4([4]byte(b[0:4])),
		status: binary.LittleEndian.Uint32(b[4:]),
		ttl:    b[24], tos: b[25],
	}
	size, at := int(binary.LittleEndian.Uint16(b[12:])), binary.LittleEndian.Uint64(b[16:])
	if size == 0 { // an empty payload: the pointer may be anything
		return r, true
	}
	if at < base || at-base > uint64(len(b)) || uint64(size) > uint64(len(b))-(at-base) {
		return echoReplied{}, false
	}
	r.data = b[at-base:][:size]
	return r, true
}

// parseEchoReply6 reads an ICMPV6_ECHO_REPLY at the start of b, which answers a
// request of size bytes: the structure does not say how many came.
func parseEchoReply6(b []byte, size int) (echoReplied, bool) {
	if len(b) < echoReply6Size {
		return echoReplied{}, false
	}
	r := echoReplied{from: netip.AddrFrom16([16]byte(b[6:22])), status: binary.LittleEndian.Uint32(b[28:])}
	if r.status == statusSuccess {
		if len(b) < echoReply6Size+size {
			return echoReplied{}, false
		}
		r.data = b[echoReply6Size:][:size]
	}
	return r, true
}

// statusTypeCode returns the ICMP error behind a status; false where none came:
// success, time-out, or a failure of this host (statusVerdict).
func statusTypeCode(status uint32, v6 bool) (typ, code uint8, ok bool) {
	v4 := map[uint32][2]uint8{
		statusNetUnreachable: {3, 0}, statusHostUnreachable: {3, 1}, statusProtUnreachable: {3, 2}, statusPortUnreachable: {3, 3},
		statusPacketTooBig: {3, 4}, statusTTLTransit: {11, 0}, statusTTLReassembly: {11, 1}, statusParamProblem: {12, 0},
	}
	s6 := map[uint32][2]uint8{
		statusNetUnreachable: {1, 0}, statusProtUnreachable: {1, 1}, statusScopeMismatch6: {1, 2}, statusHostUnreachable: {1, 3},
		statusPortUnreachable: {1, 4}, statusUnreachable6: {1, 3}, statusPacketTooBig: {2, 0}, statusTTLTransit: {3, 0},
		statusTimeExceeded6: {3, 0}, statusTTLReassembly: {3, 1}, statusBadHeader6: {4, 0}, statusParamProblem: {4, 0}, statusUnrecognized6: {4, 1},
	}
	t := v4
	if v6 {
		t = s6
	}
	tc, ok := t[status]
	return tc[0], tc[1], ok
}

// statusVerdict is what a status or Win32 error means for the sender of a request that never left.
func statusVerdict(status uint32) packet.Verdict {
	switch status {
	case statusSuccess, statusTimedOut:
		return packet.Verdict{} // nothing came, and nobody says so
	case statusNoResources, 8, 14, 1450: // ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_NO_SYSTEM_RESOURCES
		return packet.Verdict{Reason: packet.NoBuffers, Answer: packet.HostUnreachable}
	case statusBadDestination, 1231: // ERROR_NETWORK_UNREACHABLE
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	case 1232: // ERROR_HOST_UNREACHABLE
		return packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	case 5: // ERROR_ACCESS_DENIED
		return packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	}
	return packet.Verdict{Reason: packet.SendFailed}
}
