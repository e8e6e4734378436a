package connector

import (
	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/connector/tcp"
	"github.com/oneping/oneping/connector/udp"
)

// System is what a connector stands on: routes and sockets of this machine, or of a simulation.
// Each of its makers is called once; ICMP again where it fails.
type System interface {
	host.Routes
	// ICMP returns a transport of a mode, or an *icmp.OffError.
	ICMP(m icmp.Mode) (icmp.Transport, error)
	UDP() (udp.Sockets, error)
	TCP() (tcp.Sockets, error)
}

// kernel is the System of this machine.
type kernel struct{ host.Kernel }

func (kernel) ICMP(m icmp.Mode) (icmp.Transport, error) { return icmp.NewTransport(m) }
func (kernel) UDP() (udp.Sockets, error)                { return udp.Kernel() }
func (kernel) TCP() (tcp.Sockets, error)                { return tcp.Kernel() }
