package tcp

import "net/netip"

// target is where to connect, and with what in the SYN's IP header.
type target struct {
	dst      netip.AddrPort
	ttl, tos uint8
}

// report is an ICMP error that the network sent instead of a SYN-ACK.
type report struct {
	from      netip.Addr
	typ, code uint8
	ttl       uint8 // 0 = unknown
	mtu       uint32
}
