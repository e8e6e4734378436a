package process

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// RaiseDescriptorLimit raises the soft limit of open descriptors to the hard
// one and returns it: each mapping, session and flow of a connector is one.
func RaiseDescriptorLimit() (uint64, error) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 0, fmt.Errorf("read descriptor limit: %w", err)
	}
	if r.Cur >= r.Max {
		return r.Cur, nil
	}
	soft := r.Cur
	r.Cur = r.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return soft, fmt.Errorf("raise descriptor limit: %w", err)
	}
	return r.Cur, nil
}
