//go:build unix

package obs

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// writable says whether a pipe, terminal or socket takes something within wait (poll(2)); a file
// always does. One whose reader is gone counts as writable: the write says so.
func writable(f *os.File, wait time.Duration) bool {
	fds := []unix.PollFd{{Fd: int32(f.Fd()), Events: unix.POLLOUT}}
	for deadline := time.Now().Add(wait); ; wait = max(0, time.Until(deadline)) {
		n, err := unix.Poll(fds, int(wait.Milliseconds()))
		if !errors.Is(err, unix.EINTR) {
			return err != nil || n > 0
		}
	}
}
