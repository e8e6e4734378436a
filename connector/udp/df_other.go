//go:build !linux && !darwin && !windows

package udp

import (
	"errors"
	"net"
)

// setDF says no.
func setDF(*net.UDPConn, bool) error { return errors.ErrUnsupported }
