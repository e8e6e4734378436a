//go:build unix

package local

import (
	"os"
	"syscall"
)

// groupOf returns the group of a file, -1 where that cannot be told.
func groupOf(path string) int {
	if fi, err := os.Lstat(path); err == nil {
		if st, ok := fi.Sys().(*syscall.Stat_t); ok {
			return int(st.Gid)
		}
	}
	return -1
}
