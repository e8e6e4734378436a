//go:build unix

package process

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// diskFull is what the system says of a full disk, beside ENOSPC: nothing.
const diskFull = syscall.ENOSPC

// readOnlyFlag is ST_RDONLY of statfs(2), MNT_RDONLY on macOS.
const readOnlyFlag = 1

// spaceOf asks for the file system of dir. A part of it may be kept for root.
func spaceOf(dir string) (space, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return space{}, os.NewSyscallError("statfs", err)
	}
	free, block := s.Bavail, uint64(s.Bsize)
	if os.Geteuid() == 0 {
		free = s.Bfree
	}
	return space{
		total: s.Blocks * block, free: free * block, noInodes: s.Files > 0 && s.Ffree == 0, readOnly: s.Flags&readOnlyFlag != 0,
	}, nil
}
