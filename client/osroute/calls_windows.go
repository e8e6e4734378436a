// Windows: addresses, routes and interface settings by the IP Helper functions (iphlpapi.dll),
// which need Administrator rights. A route belongs to an interface, named by its LUID, so several
// interfaces may have one for the same prefix; the most specific prefix wins, then the least sum
// of route and interface metric. The TUN's interface metric is 0 and its routes' metric is 0,
// which nothing beats. A socket with IP_UNICAST_IF (IPV6_UNICAST_IF) looks at routes of that
// interface alone. An adapter goes away with its handle, and takes its addresses and routes
// along. There are no reject routes; one to the loopback interface discards. Rows made here last
// until the next boot. Not tried on Windows yet: written from the documentation, tested over a
// faked system.
//
// Calls, with the errors that the Windows documentation lists for them:
//
//	GetAdaptersAddresses                ERROR_BUFFER_OVERFLOW (asked again) · ERROR_NO_DATA, ERROR_ADDRESS_NOT_ASSOCIATED none
//	GetIpInterfaceEntry, SetIp…         ERROR_FILE_NOT_FOUND no such interface · ERROR_NOT_FOUND not of this family ·
//	                                    ERROR_ACCESS_DENIED · ERROR_INVALID_PARAMETER
//	Create-, DeleteUnicastIpAddressEntry  ERROR_OBJECT_ALREADY_EXISTS (5010) · ERROR_NOT_FOUND · ERROR_NOT_SUPPORTED no IPv6
//	Create-, DeleteIpForwardEntry2      ERROR_OBJECT_ALREADY_EXISTS · ERROR_NOT_FOUND · ERROR_NOT_SUPPORTED · ERROR_ACCESS_DENIED
//	GetIpForwardTable2                  ERROR_NOT_FOUND empty · ERROR_NOT_ENOUGH_MEMORY · ERROR_NOT_SUPPORTED
//	Notify…Change2                      ERROR_NOT_ENOUGH_MEMORY · ERROR_INVALID_HANDLE
//	setsockopt(IP_UNICAST_IF)           WSAEINVAL no such interface · WSAENOPROTOOPT

package osroute

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/windows"
	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// windowsCalls implements calls.
type windowsCalls struct{}

// luid finds an interface by its friendly name, which is what the Wintun adapter was created with.
func luid(device string) (winipcfg.LUID, error) {
	list, err := winipcfg.GetAdaptersAddresses(windows.AF_UNSPEC, winipcfg.GAAFlagIncludeAllInterfaces)
	if err != nil {
		return 0, err
	}
	for _, a := range list {
		if a.FriendlyName() == device {
			return a.LUID, nil
		}
	}
	return 0, windows.ERROR_FILE_NOT_FOUND
}

// Prepare sets MTU, metric 0, and no router discovery or duplicate address detection.
func (windowsCalls) Prepare(device string, mtu int, v6 bool) error {
	id, err := luid(device)
	if err != nil {
		return err
	}
	if err := prepareFamily(id, windows.AF_INET, mtu); err != nil {
		return err
	}
	if !v6 {
		return nil
	}
	if err := prepareFamily(id, windows.AF_INET6, mtu); err != nil && windowsFault(err) != notThere {
		return err // not there: no IPv6, which adding the address reports
	}
	return nil
}

func prepareFamily(id winipcfg.LUID, family winipcfg.AddressFamily, mtu int) error {
	row, err := id.IPInterface(family)
	if err != nil {
		return err
	}
	row.RouterDiscoveryBehavior = winipcfg.RouterDiscoveryDisabled
	row.DadTransmits = 0
	row.ManagedAddressConfigurationSupported = false
	row.OtherStatefulConfigurationSupported = false
	row.UseAutomaticMetric, row.Metric = false, 0
	if mtu > 0 {
		row.NLMTU = uint32(mtu)
	}
	return row.Set()
}

// Addresses lists the device's addresses.
func (windowsCalls) Addresses(device string) ([]netip.Prefix, error) {
	id, err := luid(device)
	if err != nil {
		return nil, err
	}
	rows, err := winipcfg.GetUnicastIPAddressTable(windows.AF_UNSPEC)
	if err != nil && !errors.Is(err, windows.ERROR_NOT_FOUND) {
		return nil, err
	}
	var out []netip.Prefix
	for i := range rows {
		if rows[i].InterfaceLUID == id {
			out = append(out, netip.PrefixFrom(rows[i].Address.Addr().WithZone(""), int(rows[i].OnLinkPrefixLength)))
		}
	}
	return out, nil
}

// AddAddress gives the device an address.
func (windowsCalls) AddAddress(device string, p netip.Prefix) error {
	id, err := luid(device)
	if err != nil {
		return err
	}
	return id.AddIPAddress(p)
}

// RemoveAddress takes an address off the device.
func (windowsCalls) RemoveAddress(device string, p netip.Prefix) error {
	id, err := luid(device)
	if err != nil {
		return err
	}
	return id.DeleteIPAddress(p)
}

// Routes reads the routing table of both families.
func (windowsCalls) Routes() ([]seenRoute, error) {
	rows, err := winipcfg.GetIPForwardTable2(windows.AF_UNSPEC)
	if err != nil && !errors.Is(err, windows.ERROR_NOT_FOUND) {
		return nil, err
	}
	names, err := interfaceNames()
	if err != nil {
		return nil, err
	}
	out := make([]seenRoute, 0, len(rows))
	for i := range rows {
		row := &rows[i]
		out = append(out, windowsRoute{
			dst: row.DestinationPrefix.Prefix(), nextHop: row.NextHop.Addr(), device: names[row.InterfaceLUID], index: row.InterfaceIndex,
			metric: row.Metric, local: row.Protocol == winipcfg.RouteProtocolLocal, autoconf: row.AutoconfigureAddress,
		}.seen())
	}
	return out, nil
}

func interfaceNames() (map[winipcfg.LUID]string, error) {
	list, err := winipcfg.GetAdaptersAddresses(windows.AF_UNSPEC, winipcfg.GAAFlagIncludeAllInterfaces)
	if err != nil {
		return nil, err
	}
	names := make(map[winipcfg.LUID]string, len(list))
	for _, a := range list {
		names[a.LUID] = a.FriendlyName()
	}
	return names, nil
}

// AddRoute adds an on-link route of the TUN, or a stop on the loopback interface.
func (windowsCalls) AddRoute(device string, r hostRoute) error {
	id, metric, err := owner(device, r)
	if err != nil {
		return err
	}
	return id.AddRoute(r.dst, onLink(r.dst.Addr().Is6()), metric)
}

// RemoveRoute removes a route.
func (windowsCalls) RemoveRoute(device string, r hostRoute) error {
	id, _, err := owner(device, r)
	if err != nil {
		return err
	}
	return id.DeleteRoute(r.dst, onLink(r.dst.Addr().Is6()))
}

// owner returns the interface to which r belongs, and its metric.
func owner(device string, r hostRoute) (winipcfg.LUID, uint32, error) {
	if r.stop {
		id, err := winipcfg.LUIDFromIndex(windowsLoopback)
		return id, windowsStopMetric, err
	}
	id, err := luid(device)
	return id, 0, err
}

// underlay returns the index of the interface of the host's best default route, the TUN's never
// being one; 0 if none.
func underlay(v6 bool) uint32 {
	family := winipcfg.AddressFamily(windows.AF_INET)
	if v6 {
		family = windows.AF_INET6
	}
	rows, err := winipcfg.GetIPForwardTable2(family)
	if err != nil {
		return 0
	}
	var best []defaultRoute
	for i := range rows {
		if rows[i].DestinationPrefix.PrefixLength != 0 {
			continue
		}
		ifc, err := rows[i].InterfaceLUID.IPInterface(family)
		if err == nil && ifc.Connected {
			best = append(best, defaultRoute{index: rows[i].InterfaceIndex, metric: uint64(rows[i].Metric) + uint64(ifc.Metric)})
		}
	}
	return bestDefault(best)
}
