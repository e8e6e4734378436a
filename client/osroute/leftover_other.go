//go:build !linux

package osroute

import (
	"errors"
	"net/netip"
	"runtime"
)

// Repair says no: no journal is kept on this system.
func Repair(string, string, bool) (Repaired, error) {
	return Repaired{}, failure("repair", errors.New("not supported on "+runtime.GOOS),
		"start the client and stop it: its start takes over what was left, and its end removes that")
}

// Unreachable returns nothing: on this system the routes of a client go with its device.
func Unreachable() ([]netip.Prefix, error) { return nil, nil }
