package process

import (
	"golang.org/x/sys/windows"
)

// diskFull is what the system says of a full disk, beside ENOSPC, which is a number of Go's own there.
const diskFull = windows.ERROR_DISK_FULL

// spaceOf asks for the volume of dir, within the quota of this user.
func spaceOf(dir string) (space, error) {
	path, err := windows.UTF16PtrFromString(dir)
	if err != nil {
		return space{}, err
	}
	var free, total uint64
	if err := windows.GetDiskFreeSpaceEx(path, &free, &total, nil); err != nil {
		return space{}, err
	}
	return space{total: total, free: free}, nil
}
