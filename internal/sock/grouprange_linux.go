package sock

import (
	"fmt"
	"os"
)

// OpenPing returns the command that opens ping sockets, IPv6 ones included, to a group
// (net.ipv4.ping_group_range, icmp(7)). The groups that are in the range stay in it.
func OpenPing(gid int) string {
	text, _ := os.ReadFile("/proc/sys/net/ipv4/ping_group_range") // unreadable: as closed
	return openPing(gid, string(text))
}

// openPing widens the range that the kernel has, two numbers, the first larger where it is empty.
func openPing(gid int, now string) string {
	low, high := gid, gid
	var l, h int
	if n, _ := fmt.Sscan(now, &l, &h); n == 2 && l <= h {
		low, high = min(l, gid), max(h, gid)
	}
	return fmt.Sprintf("sysctl -w net.ipv4.ping_group_range=\"%d %d\"", low, high)
}
