package icmp

import (
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestLocalPorts(t *testing.T) {
	const raw = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode ref pointer drops
    1: 00000000:0001 00000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 4444 2 0000000000000000 0
   58: 00000000000000000000000000000000:003A 00000000000000000000000000000000:0000 07 00000000:00000000 00:00000000 00000000     0        0 5 2 0 0
 bad
 2: nothing 3
`
	if got := localPorts([]byte(raw)); !slices.Equal(got, []uint16{1, 58}) {
		t.Errorf("got %v", got)
	}
}

// The kernel's lists are read once a second.
func TestOthers(t *testing.T) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_ICMP)
	if err != nil {
		t.Skip("needs CAP_NET_RAW:", err)
	}
	var o others
	now := time.Unix(1000, 0)
	with := o.raw(false, now)
	if err := unix.Close(fd); err != nil {
		t.Fatal(err)
	}
	if with < 1 || o.raw(false, now.Add(othersFor-1)) != with {
		t.Errorf("%d raw sockets, one is ours", with)
	}
	if got := o.raw(false, now.Add(othersFor)); got >= with {
		t.Errorf("%d raw sockets after one of %d was closed", got, with)
	}
}
