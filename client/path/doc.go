// Package path is the way of a packet through the client.
//
// Outbound, from the host to the edge:
//
//  1. [Path.RunDevice] reads a batch of packets from the device and takes one
//     look at the link for all of them (linkState).
//  2. outbound.step parses a packet and checks its options and its size. A
//     packet that the link cannot carry is answered in the edge's name, unless
//     it would expire at the edge first.
//  3. A fragment waits for the others of its packet (reassembler.add) and goes
//     on as one whole packet.
//  4. By class: a query of ICMP becomes a packet datagram (asked.whole), as does
//     what the edge is to refuse (outbound.toEdge), a UDP packet a registration
//     or a payload of its session (sessions.out), and a TCP segment is for the
//     user-space stack, or is held (heldSYNs.out).
//  5. Path.carryOut does what the outcome says: it writes an answer to the
//     device, queues a datagram on the link or hands a segment to the stack. The
//     loop counts the reason, and starts the opening of a flow (heldSYNs.start).
//
// Opening a flow, in a goroutine of its own:
//
//  1. Path.runOpening opens a flow on the link and waits for its answer.
//  2. heldSYNs.conclude turns the answer into an outcome: a reset, an ICMP
//     error, or the newest SYN for the stack.
//  3. [Stack.Accept] completes the handshake with the host by that SYN, and the
//     bytes move until both sides have ended.
//
// Inbound, from the edge to the host:
//
//  1. [Path.Datagram] gets one datagram from the link's receiver. One of a link
//     that is no longer in use ends here.
//  2. inbound.step parses it. A packet must be the answer to what this device
//     has asked (asked.deliverable). A payload becomes a UDP packet of its
//     session (sessions.in). An event becomes the ICMP error that it stands
//     for, a registration that is sent again, or the end of the session
//     (sessions.event).
//  3. Path.carryOut, as above.
//
// Every second Path.sweep forgets what has expired, in each table.
//
// The steps in between send, write and count nothing: they take a packet, the
// time and the state of the link, and return an outcome.
//
// Locks: Path.outMu (the device loop for a batch, and the sweep) comes before
// sessions.mu, heldSYNs.mu and the lock inside asked. These three are never held
// together, and never while something is sent or written; heldSYNs.over locks
// itself inside heldSYNs.mu. Path.linkMu is taken alone.
//
// What the client does to the host (device, addresses, routes) is not here: see
// the parent package.
package path
