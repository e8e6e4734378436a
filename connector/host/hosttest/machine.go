// Package hosttest has a machine for the tests of the connector and of its rooms. What a test
// asserts about a host itself belongs to the tests of package host.
package hosttest

import (
	"net/netip"

	"github.com/oneping/oneping/connector/host"
	"github.com/oneping/oneping/proto/packet"
)

// Machine is a machine with one address, from which it speaks to everybody, and no networks.
type Machine struct{ Self netip.Addr }

// Source returns the address.
func (m Machine) Source(netip.Addr) (netip.Addr, error) { return m.Self, nil }

// Networks returns none.
func (Machine) Networks() []netip.Prefix { return nil }

// New returns the host of a Machine.
func New(self netip.Addr, counters *packet.Counters) *host.Host {
	return host.New(host.Config{Routes: Machine{self}, Counters: counters})
}
