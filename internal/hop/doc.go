// Package hop is what makes edge and connector routers, and the client one that speaks
// in their place: what it does to a packet that crosses it, and what it says about one
// that does not.
//
//   - TTL: packet.NextTTL decrements it, nobody else; BackTTL is the step of what a host
//     behind the connector says.
//   - A Refusal is why a packet goes no further and what its sender hears of that, with
//     one encoding for each way on which the packet came: as a packet, as the event of a
//     UDP session, as the answer of a flow.
//   - ErrorLimit and ErrorLimits bound the ICMP errors that a hop makes (RFC 1812 §4.3.2.8).
//   - Traffic and SessionIdle are the rules of a UDP session: its class, its idle time,
//     what a DNS exchange is.
//
// The edge makes its refusals in edge/relay/decide.go, with a limit for each attached
// device; Refusal.Decision names a denial. A connector's rooms return a packet.Verdict,
// of which Refuse makes a Refusal in the name of this host; what the kernel's error queue
// tells becomes one with Heard. The client reads both off the wire with OfEvent and
// OfAnswer, and makes those for which the edge has no part, or could say nothing.
//
// Who may reach what, where a packet goes and which table holds it are the roles' own
// business and do not belong here, nor does anything that sends, counts or logs.
package hop
