package icmp

import (
	"errors"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// TestTryPingAs wants the kernel's answer for another group, and this process left in its own.
func TestTryPingAs(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root to become another group")
	}
	text, err := os.ReadFile("/proc/sys/net/ipv4/ping_group_range")
	if err != nil {
		t.Fatal(err)
	}
	var low, high int
	if _, err := fmt.Sscan(string(text), &low, &high); err != nil {
		t.Fatal(err)
	}
	for _, gid := range []int{low, 64999} {
		err := TryPingAs(gid, false)
		if inside := low <= gid && gid <= high; inside != (err == nil) || !inside && !errors.Is(err, unix.EACCES) {
			t.Errorf("as group %d with range %d %d: %v", gid, low, high, err)
		}
	}
	if gid := os.Getegid(); gid != 0 {
		t.Errorf("this process is in group %d now", gid)
	}
}
