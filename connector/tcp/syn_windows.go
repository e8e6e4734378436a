package tcp

import "syscall"

// setSYN sets what the SYN's IP header will say. Windows leaves the traffic class to policies.
func setSYN(fd uintptr, v6 bool, t Target) error {
	if v6 {
		return syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS, int(t.TTL))
	}
	return syscall.SetsockoptInt(syscall.Handle(fd), syscall.IPPROTO_IP, syscall.IP_TTL, int(t.TTL))
}
