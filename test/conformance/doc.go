// Package conformance sends the same packets through rows of hops and compares,
// field by field, what comes back to the laptop:
//
//	(a)  laptop ── Linux router ── Linux router (SNAT) ── r1 ── r2 ── origin
//	(b)  laptop ══ oneping edge ══ oneping connector ──── r1 ── r2 ── origin
//
// Row (a) is a plain lab (internal/lab), row (b) an ordinary one; their hops have the same
// addresses. Row (b) is there twice: its connector has ping sockets and no privilege, or
// CAP_NET_RAW and raw sockets, as with Docker's default capabilities. The probes are bytes made
// here and put on the laptop's device (eth0 in (a), the TUN device in (b)) past its kernel, whose
// own answers are kept off the path. They differ in their source address alone. A probe is one row
// of the catalogue and one subtest, and says what row (a) is expected to answer, so that broken
// rows do not agree.
//
// A difference is a bug of oneping, or it is right by design and stands in the one
// table of differences, with its reason and source: one field of one kind of packet, as
// narrow as it can be said. The table has at most twelve entries, and one that nothing
// matches any more fails the suite.
//
// RFC.md goes through the requirements of the RFCs and names the test of each.
package conformance
