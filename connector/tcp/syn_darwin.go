package tcp

import "syscall"

// ip6TClass is IPV6_TCLASS of netinet6/in6.h, which package syscall lacks.
const ip6TClass = 36

// setSYN sets what the SYN's IP header will say.
func setSYN(fd uintptr, v6 bool, t Target) error {
	if v6 {
		_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, ip6TClass, int(t.TOS)) // for looks
		return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IPV6, syscall.IPV6_UNICAST_HOPS, int(t.TTL))
	}
	_ = syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TOS, int(t.TOS)) // for looks
	return syscall.SetsockoptInt(int(fd), syscall.IPPROTO_IP, syscall.IP_TTL, int(t.TTL))
}
