package proto

import "strconv"

// Code says why something on the wire ended: the application error code of a
// closed link or a reset stream (RFC 9000 §20.2), and of a flow that was reset.
type Code uint16

// The codes. Their numbers are part of the protocol.
const (
	CodeOK            Code = 0  // orderly end
	CodeInternal      Code = 1  // the sender is at fault
	CodeProtocol      Code = 2  // the receiver broke the protocol
	CodeRefused       Code = 3  // enrolment or link refused; the text says why
	CodeRevoked       Code = 4  // identity revoked or deleted
	CodeExpired       Code = 5  // certificate expired: renew it
	CodeReplaced      Code = 6  // a newer link of the same identity took over
	CodeDraining      Code = 7  // the edge goes away, dial again
	CodeTooMany       Code = 8  // a bound was reached
	CodeReset         Code = 9  // the far end of a TCP flow sent RST
	CodeTimeout       Code = 10 // nothing was heard for too long
	CodePathMTU       Code = 11 // full-size packets no longer pass: redial
	CodeDenied        Code = 12 // policy no longer allows this
	CodeLinkDown      Code = 13 // the next link is gone
	CodeAborted       Code = 14 // the sender no longer wants it
	CodeMemoryShort   Code = 15 // it held memory and did not move when others needed it
	CodePoolFull      Code = 16 // the edge has no address left for another device
	codeAfterLastName      = 17
)

var codeNames = [codeAfterLastName]string{
	"ok", "internal error", "protocol violation", "refused", "revoked", "expired", "replaced", "draining",
	"too many", "reset", "timeout", "path mtu", "denied", "link down", "aborted", "memory short", "pool full",
}

// String returns the code in words.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return "code " + strconv.Itoa(int(c))
}
