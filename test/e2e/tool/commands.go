//go:build linux

package main

import (
	"context"
	"flag"
)

// command is one subcommand. It parses its own flags from the arguments that it gets.
type command struct {
	name, args, does string
	run              func(ctx context.Context, flags *flag.FlagSet, args []string) error
}

// group is what `tool help` lists together.
type group struct {
	title    string
	commands []command
}

func groups() []group {
	return []group{
		{"Packets", []command{
			{"capture", "DEVICE", "print every IP packet: nanoseconds, in or out, hex", runCapture},
			{"exchange", "[-to MAC] DEVICE", "send the packets of standard input, byte for byte; print what comes in", runExchange},
			{"inject", "[flags] SRC DST", "send packets made by hand through a raw socket", runInject},
		}},
		{"ICMP", []command{
			{"ping", "[-ident N] [-n N] DST", "pings with a chosen identifier, each reply checked", runPing},
			{"labels", "[-old] -from SRC DEVICE", "answer what comes with TTL 1 as a router that tells its MPLS labels", runLabels},
			{"paris", "[-m TTL] [-q N] ADDR", "a traceroute of one five-tuple and payload, all probes at once", runParis},
			{"echo-odd", "[-6] MODE…", "answer echo requests with a damaged, cut, longer payload", runOdd},
			{"sizes", "[-proto P] [-sizes S] ADDR", "one echo or datagram of each size, many in flight; what was lost", runSizes},
		}},
		{"UDP", []command{
			{"udp-echo", "ADDR…", "answer every datagram with itself", runUDPEcho},
			{"udp-ask", "[-sizes N,…] ADDR", "one datagram a size, each answer compared", runUDPAsk},
			{"udp-sessions", "[-n N] ADDR", "N sockets at once, one datagram each, each answer compared", runUDPSessions},
			{"udp-talk", "[-socks N] [-s N] ADDR", "numbered payloads from the same sockets all the time; what was lost", runUDPTalk},
			{"udp-order", "[-n N] ADDR", "a burst of large and small payloads, and one back; in which order they came", runUDPOrder},
			{"udp-order-serve", "ADDR", "its server", runUDPOrderServe},
			{"udp-mtu", "ADDR", "the path MTU as a UDP application finds it, at an echo server", runUDPMTU},
			{"udp-errno", "[-n N] ADDR", "what a connected UDP socket is told", runUDPErrno},
		}},
		{"TCP", []command{
			{"tcp-serve", "[-mode M] ADDR…", "echo, digest (of all until EOF), greet (and half-close), rst, endless, deaf, early, words", runTCPServe},
			{"tcp-digest", "[-n BYTES] ADDR", "send, half-close, compare the digest that comes back", runTCPDigest},
			{"tcp-conns", "[-n N] ADDR", "N connections open at once, each echo compared", runTCPConns},
			{"tcp-errno", "[-abort] ADDR", "how connecting, then reading, ends", runTCPErrno},
			{"tcp-early", "[-answer N] ADDR", "uploads that are answered while they run; how many answers came whole", runTCPEarly},
			{"tcp-hard", "[-s BYTES] ADDR", "says something and resets right behind it", runTCPHard},
			{"tcp-hold", "[-n N] [-up] ADDR", "connections that nobody reads, until it is ended", runTCPHold},
			{"tcp-echoes", "[-n N] ADDR", "times connecting, then bytes and their echoes", runTCPEchoes},
			{"tcp-open", "[-ttl N] [-once N] [-class N] [-urgent] [-alive] ADDR", "a connection with a TTL, one segment with another, one with a class; held until it is ended", runTCPOpen},
			{"tcp-again", "[-n N] [-port P] ADDR", "connections from one port, each behind the reset of the last", runTCPAgain},
			{"tcp-scan", "[-n N] [-from P] ADDR", "begin connections to N ports and wait for none, until it is ended", runTCPScan},
			{"keystrokes", "[-n N] -- CMD…", "type into CMD on a terminal, time each echo", runKeystrokes},
			{"http-serve", "ADDR…", "GET /N: N bytes, SHA-256 in a header; PUT: SHA-256 of the body", runHTTPServe},
			{"http-abort", "[-n N] URL", "start N downloads at once and drop each after 64 KiB", runHTTPAbort},
		}},
		{"Nodes without manners, and edges under load", []command{
			{"hostile", "[flags] MODE …", "an enrolled node without manners: session, steal, flood, forge, pour", runHostile},
			{"attack", "[flags] MODE", "make an edge keep what nobody reads: enrolmem, linkmem, halfopen", runAttack},
			{"resign", "-ends D EDGEDIR NODEDIR", "give a node a certificate with another end, or of another edge", runResign},
			{"routes", "[-n N] TUNNEL", "add N routes to a tunnel, one by one, by the edge's local socket", runRoutes},
		}},
	}
}
