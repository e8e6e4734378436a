//go:build !linux && !darwin && !windows

package tun

import (
	"errors"
	"runtime"
)

// Open says no: oneping's client runs on Linux, macOS and Windows.
func Open(name string, mtu int) (*Device, error) {
	return nil, openError(name, errors.New("no TUN device on "+runtime.GOOS), "run the client on Linux, macOS or Windows")
}

func fatalRead(error) bool { return true }
