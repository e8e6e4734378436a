//go:build !linux && !darwin && !windows

package icmp

import "errors"

// NewTransport says no: this system's way to send echo requests is not known here.
func NewTransport(Mode) (Transport, error) {
	return nil, newOff(errors.ErrUnsupported, "")
}

// TryPing says no.
func TryPing(bool) error { return errors.ErrUnsupported }

// GroupRangeCommand is empty.
func GroupRangeCommand() string { return "" }
