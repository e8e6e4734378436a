//go:build !linux

package tcp

import (
	"net"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// Broken is not known here: a read tells.
func (e *endpoint) Broken() bool { return false }

// Unsent is not known here.
func (e *endpoint) Unsent() int { return 0 }

// SetClass changes the traffic class of what is sent from now on, where the system lets it.
func (e *endpoint) SetClass(class uint8) {
	if at, ok := e.RemoteAddr().(*net.TCPAddr); ok && at.IP.To4() == nil {
		_ = ipv6.NewConn(e.TCPConn).SetTrafficClass(int(class))
	} else {
		_ = ipv4.NewConn(e.TCPConn).SetTOS(int(class))
	}
}

// limit leaves the system's own bound.
func (e *endpoint) limit() {}
