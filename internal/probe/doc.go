// Package probe asks for a path and for its far end, as traceroute(8) and ping(8) do, without any
// privilege.
//
// Two engines decide what is sent when, and what an answer means: a [Ladder] sends packets with a
// rising TTL, a [Pinger] echo requests at an interval. Both send by a [Sender], which is the system's
// part: [Open] makes one for ICMP, UDP or TCP. What is printed, by [TraceText] and [PingText], is
// what traceroute 2.1 and ping of iputils print, so that people and scripts read it as they are used
// to; [TraceJSON] and [PingJSON] are the same for programs.
//
// An engine is one goroutine: it sends, waits in [Sender.Receive], and takes what has come. What was
// heard is timed by the kernel where that is possible, so nothing waits for a name or a terminal.
//
// It differs from those tools in little: what cannot be asked is said in our words, and so are mistyped
// flags; ping shows a host by the name that was typed, not by its canonical one, counts what our own
// kernel refuses also when it is quiet, and orders a host's addresses as RFC 6724 says, where the C
// library prefers IPv6; a packet that is too long for our own link is marked for each probe by ICMP, too.
//
// What does not belong here: flags, and what the answers say about a network of oneping.
package probe
