// Package icmp is the connector's NAT for ICMP queries (RFC 5508): a client's
// echo request goes out with an identifier of this host, and what comes back
// for it, reply or error, goes to that client with its own identifier and, in an
// error, with its own packet quoted.
//
// The NAT (nat.go, mapping.go, answer.go) is pure: it decides, remembers and
// writes packets. A transport, one per platform, only sends and receives:
//
//	ping   Linux, SOCK_DGRAM/IPPROTO_ICMP, one socket a mapping  ping_linux.go
//	raw    Linux with CAP_NET_RAW, one socket a family           raw_linux.go
//	shared macOS, one SOCK_DGRAM socket a family                 dgram_darwin.go
//	echo   Windows, IcmpSendEcho2Ex and Icmp6SendEcho2           echo_windows.go
package icmp
