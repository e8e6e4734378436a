// Package icmp is the connector's NAT for ICMP queries (RFC 5508): a client's
// echo request goes out with an identifier of this host, and what comes back
// for it, reply or error, goes to that client with its own identifier and, in an
// error, with its own packet quoted.
//
// The NAT (nat.go, mapping.go, reply.go, error.go, incoming.go) is pure: it decides,
// remembers and writes packets. A Transport (transport.go) only sends and receives;
// test/sim has one in memory:
//
//	ping    Linux: a ping socket for each mapping, with its error queue      ping_linux.go
//	shared  the table strategy: one socket a family sees everything          shared.go
//	          Linux with CAP_NET_RAW: raw sockets                            raw_linux.go
//	          macOS: datagram sockets                                        dgram_darwin.go
//	echo    Windows: the system's echo calls, which complete by events       echo.go, echo_windows.go
//
// Whether a request may go on, and with which TTL, is decided before it comes here:
// dispatch.go of the connector, and package host. What this host itself says about one
// is hop's.
package icmp
