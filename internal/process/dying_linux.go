package process

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// dying says whether a process is about to be gone: killed, ending, or ended and kept for its
// parent. One that is not to be seen is another namespace's: nothing is known of it.
func dying(pid int) bool {
	if pid <= 0 {
		return false
	}
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	return ending(string(stat)) || killed(string(status))
}

// pfExiting is PF_EXITING of the kernel's include/linux/sched.h.
const pfExiting = 0x4

// ending reads /proc/PID/stat: "PID (COMMAND) STATE PPID PGRP SESSION TTY TPGID FLAGS …", proc(5).
// The command may hold anything, brackets too.
func ending(stat string) bool {
	fields := strings.Fields(stat[strings.LastIndexByte(stat, ')')+1:])
	if len(fields) < 7 {
		return false
	}
	flags, _ := strconv.ParseUint(fields[6], 10, 64)
	return fields[0] == "Z" || fields[0] == "X" || flags&pfExiting != 0
}

// killed reads /proc/PID/status: a SIGKILL waits for it, to a thread (SigPnd) or to all (ShdPnd).
func killed(status string) bool {
	const sigkill = 1 << 8 // 9, counted from 1
	for line := range strings.Lines(status) {
		name, value, _ := strings.Cut(line, ":")
		if name != "SigPnd" && name != "ShdPnd" {
			continue
		}
		if mask, err := strconv.ParseUint(strings.TrimSpace(value), 16, 64); err == nil && mask&sigkill != 0 {
			return true
		}
	}
	return false
}
