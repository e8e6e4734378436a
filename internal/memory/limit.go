// Package memory says how much memory this process may hold and how much it holds.
//
// A process that is killed by its cgroup takes every link with it, so each role bounds itself below
// that. Whoever serves strangers derives the number of them from the limit.
package memory

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"runtime/debug"
	"strconv"
	"strings"
)

// share is the part of the limit, in percent, that the Go heap is kept below: stacks of the
// kernel's making, mapped files and socket buffers are charged to the cgroup as well.
const share = 80

// Limit returns how many bytes this process may hold: the least of what its cgroups allow (v2
// memory.max, v1 memory.limit_in_bytes, those of the parents included), of the host's memory and of
// GOMEMLIMIT. 0: nobody says.
func Limit() uint64 {
	limit := systemLimit(os.DirFS("/"))
	if own := debug.SetMemoryLimit(-1); os.Getenv("GOMEMLIMIT") != "" && own < math.MaxInt64 {
		limit = least(limit, uint64(own))
	}
	return limit
}

// Keep makes the garbage collector keep the process below limit bytes, with room for what is no
// heap. 0 changes nothing, and so does a GOMEMLIMIT: that is somebody's word.
func Keep(limit uint64) {
	if limit == 0 || limit > math.MaxInt64 || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(int64(limit / 100 * share))
}

// systemLimit is what the system below root says, 0 where it says nothing.
func systemLimit(root fs.FS) uint64 {
	limit := hostMemory(root)
	own, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(own)) {
		// hierarchy:controllers:path (cgroups(7)); version 2 has hierarchy 0 and no controllers.
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		switch {
		case fields[0] == "0" && fields[1] == "":
			limit = least(limit, alongPath(root, "sys/fs/cgroup", fields[2], "memory.max"))
		case strings.Contains(","+fields[1]+",", ",memory,"):
			limit = least(limit, alongPath(root, "sys/fs/cgroup/memory", fields[2], "memory.limit_in_bytes"))
		}
	}
	return limit
}

// alongPath returns the least number in the file of that name, from the group up to the mount. In a
// container the path may be that of the host: its own group is then the mount itself.
func alongPath(root fs.FS, mount, group, name string) uint64 {
	var limit uint64
	for group = path.Join("/", group); ; group = path.Dir(group) {
		if b, err := fs.ReadFile(root, path.Join(mount, group, name)); err == nil {
			limit = least(limit, number(b)) // "max" is no number
		}
		if group == "/" {
			return limit
		}
	}
}

// hostMemory reads MemTotal of /proc/meminfo, in kB there (proc_meminfo(5)).
func hostMemory(root fs.FS) uint64 {
	info, _ := fs.ReadFile(root, "proc/meminfo")
	for line := range strings.Lines(string(info)) {
		if rest, ok := strings.CutPrefix(line, "MemTotal:"); ok {
			return number([]byte(strings.TrimSuffix(strings.TrimSpace(rest), " kB"))) << 10
		}
	}
	return 0
}

// number reads a decimal number; 0 where there is none.
func number(b []byte) uint64 {
	n, err := strconv.ParseUint(string(bytes.TrimSpace(b)), 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// least returns the smaller one of two limits; 0 is none.
func least(a, b uint64) uint64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}
