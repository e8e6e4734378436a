//go:build linux

package osroute

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const sysctlRoot = "/proc/sys/net"

// txQueue is how many packets the kernel keeps until we read them. Its own 500 lose, unseen, a quarter
// of what two thousand sockets say at once (measured).
const txQueue = 4096

// settle quietens the device before it comes up, and returns the settings that could not be written. rp_filter is loose
// for the sake of other software that looks at it; our rules satisfy strict, too.
func settle(device string, v6 bool) (failed []string) {
	set := func(family, key, value string) {
		path := filepath.Join(sysctlRoot, family, "conf", device, key)
		if old, err := os.ReadFile(path); err == nil && strings.TrimSpace(string(old)) == value {
			return
		}
		if err := os.WriteFile(path, []byte(value), 0o644); err != nil {
			failed = append(failed, family+"/conf/"+device+"/"+key)
		}
	}
	set("ipv4", "rp_filter", "2")
	set("ipv4", "accept_local", "1") // the client's own "host unreachable" comes from the device's address
	if v6 {
		set("ipv6", "addr_gen_mode", "1") // no link-local address
		set("ipv6", "accept_ra", "0")
		set("ipv6", "autoconf", "0")
		set("ipv6", "accept_dad", "0")
		set("ipv6", "dad_transmits", "0")
		set("ipv6", "router_solicitations", "0")
	}
	return failed
}

// readSysctl returns the value of a setting of device, or -1.
func readSysctl(family, device, key string) int {
	b, err := os.ReadFile(filepath.Join(sysctlRoot, family, "conf", device, key))
	if err != nil {
		return -1
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(b)))
	if err != nil {
		return -1
	}
	return n
}

// strictInterfaces returns the interfaces other than the TUN and loopback whose effective rp_filter is strict.
func strictInterfaces(device string) []string {
	entries, err := os.ReadDir(filepath.Join(sysctlRoot, "ipv4", "conf"))
	if err != nil {
		return nil
	}
	everywhere := readSysctl("ipv4", "all", "rp_filter")
	var out []string
	for _, e := range entries {
		name := e.Name()
		if name == "all" || name == "default" || name == "lo" || name == device {
			continue
		}
		if max(everywhere, readSysctl("ipv4", name, "rp_filter")) == 1 {
			out = append(out, name)
		}
	}
	return out
}

// hasIPv6 reports whether the kernel speaks IPv6 at all (ipv6.disable=1 and kernels without it do not).
func hasIPv6() bool {
	fd, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	_ = unix.Close(fd)
	return true
}

// setDevice makes the device's addresses those of cfg and brings it up.
func setDevice(link netlink.Link, cfg Config) error {
	have, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	if err != nil {
		return fail("list addresses of "+cfg.Device, err)
	}
	var now []netip.Prefix
	for _, a := range have {
		if p := fromIPNet(a.IPNet); p.IsValid() && !p.Addr().IsLinkLocalUnicast() {
			now = append(now, p)
		}
	}
	add, remove := diff(now, cfg.Addrs)
	for _, p := range remove {
		if err := netlink.AddrDel(link, &netlink.Addr{IPNet: toIPNet(p)}); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			return fail("remove address "+p.String()+" of "+cfg.Device, err)
		}
	}
	for _, p := range add {
		a := &netlink.Addr{IPNet: toIPNet(p), Flags: unix.IFA_F_NODAD | unix.IFA_F_NOPREFIXROUTE}
		if err := netlink.AddrAdd(link, a); err != nil && !errors.Is(err, unix.EEXIST) {
			return fail("add address "+p.String()+" to "+cfg.Device, err)
		}
	}
	if link.Attrs().TxQLen < txQueue {
		if err := netlink.LinkSetTxQLen(link, txQueue); err != nil {
			return fail("lengthen the queue of "+cfg.Device, err)
		}
	}
	if err := bringUp(link); err != nil {
		return err
	}
	return dropMulticast(link)
}

// dropMulticast removes the route that IPv6 gives to every device that comes up: multicast stays with the host.
func dropMulticast(link netlink.Link) error {
	route := &netlink.Route{Family: unix.AF_INET6, Table: unix.RT_TABLE_LOCAL, LinkIndex: link.Attrs().Index, Type: unix.RTN_MULTICAST, Dst: toIPNet(netip.MustParsePrefix("ff00::/8"))}
	err := netlink.RouteDel(route)
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return fail("remove multicast route of "+link.Attrs().Name, err)
}

// bringUp sets the device up without multicast, so that the kernel sends no membership reports into it.
func bringUp(link netlink.Link) error {
	attrs := link.Attrs()
	if attrs.RawFlags&unix.IFF_MULTICAST != 0 {
		if err := netlink.LinkSetMulticastOff(link); err != nil {
			return fail("set "+attrs.Name+" multicast off", err)
		}
	}
	if attrs.RawFlags&unix.IFF_UP != 0 {
		return nil
	}
	return fail("set "+attrs.Name+" up", netlink.LinkSetUp(link))
}

// clearDevice takes all addresses off the device and sets it down; a device that is gone is fine.
func clearDevice(device string) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		var missing netlink.LinkNotFoundError
		if errors.As(err, &missing) {
			return nil
		}
		return fail("find device "+device, err)
	}
	have, err := netlink.AddrList(link, netlink.FAMILY_ALL)
	errs := []error{fail("list addresses of "+device, err)}
	for _, a := range have {
		if err := netlink.AddrDel(link, &netlink.Addr{IPNet: a.IPNet}); err != nil && !errors.Is(err, unix.EADDRNOTAVAIL) {
			errs = append(errs, fail("remove address "+a.IPNet.String()+" of "+device, err))
		}
	}
	if err := netlink.LinkSetDown(link); err != nil && !errors.Is(err, unix.ENODEV) {
		errs = append(errs, fail("set "+device+" down", err))
	}
	return errors.Join(errs...)
}
