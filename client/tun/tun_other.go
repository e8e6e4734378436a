//go:build !linux && !darwin && !windows

package tun

import (
	"errors"
	"runtime"
)

// Open says no: oneping's client runs on Linux, macOS and Windows.
func Open(name string, mtu int) (*Device, error) {
	return nil, &OpenError{Name: name, Err: errors.New("no TUN device on " + runtime.GOOS), Text: "run the client on Linux, macOS or Windows"}
}

func fatalRead(error) bool { return true }
