//go:build linux

package main

import (
	"errors"
	"syscall"

	"golang.org/x/sys/unix"
)

// errno names the system error inside err, or returns its text.
func errno(err error) string {
	var n syscall.Errno
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &n):
		return unix.ErrnoName(n)
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return err.Error()
}
