//go:build !linux && !darwin && !windows

package icmp

import "errors"

// newTransport says no: this system's way to send echo requests is not known here.
func newTransport(Mode) (transport, error) {
	return nil, newOff(errors.ErrUnsupported, "")
}

// TryPing says no.
func TryPing(bool) error { return errors.ErrUnsupported }

// GroupRangeCommand is empty.
func GroupRangeCommand() string { return "" }
