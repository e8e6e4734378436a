package osroute

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const sysctlRoot = "/proc/sys/net"

// txQueue is how many packets the kernel keeps until we read them. Its own 500 lose, unseen, a
// quarter of what two thousand sockets say at once (measured).
const txQueue = 4096

// settle quietens the device before it comes up, and returns the settings that could not be
// written.
func settle(device string, v6 bool) (failed []string) {
	for _, x := range quietSettings() {
		if x.family == "ipv6" && !v6 {
			continue
		}
		if err := writeSetting(x, device, x.value); err != nil {
			failed = append(failed, x.path(device))
		}
	}
	return failed
}

// path is where the setting is for a device, below sysctlRoot.
func (s setting) path(device string) string { return s.family + "/conf/" + device + "/" + s.name }

// readSetting returns a setting's value, "" where the host does not have it.
func readSetting(s setting, device string) string {
	b, err := os.ReadFile(filepath.Join(sysctlRoot, s.path(device)))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// writeSetting writes a value that is not there already: /proc may be read-only.
func writeSetting(s setting, device, value string) error {
	if readSetting(s, device) == value {
		return nil
	}
	return os.WriteFile(filepath.Join(sysctlRoot, s.path(device)), []byte(value), 0o644)
}

// readSysctl returns the value of a setting of device, or -1.
func readSysctl(family, device, key string) int {
	n, err := strconv.Atoi(readSetting(setting{family: family, name: key}, device))
	if err != nil {
		return -1
	}
	return n
}

// strictInterfaces returns the interfaces other than the TUN and loopback whose effective
// rp_filter is strict.
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

// hasIPv6 reports whether the kernel speaks IPv6 at all (ipv6.disable=1 and kernels without it do
// not).
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
	have, err := addresses(link)
	if err != nil {
		return err
	}
	lost, err := withoutRoute(have)
	if err != nil {
		return err
	}
	add, remove := diff(slices.DeleteFunc(have, func(p netip.Prefix) bool { return slices.Contains(lost, p) }), cfg.Addrs)
	for _, p := range append(remove, lost...) {
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

// withoutRoute returns the addresses whose own local route somebody has removed: the host would not
// take packets for them. The kernel makes that route with the address alone.
func withoutRoute(addrs []netip.Prefix) (out []netip.Prefix, err error) {
	if len(addrs) == 0 {
		return nil, nil
	}
	kernel, err := newKernel()
	if err != nil {
		return nil, err
	}
	defer kernel.close()
	for _, p := range addrs {
		a, err := kernel.way(p.Addr(), question{})
		if err != nil {
			return nil, err
		}
		if a.kind != kindLocal {
			out = append(out, p)
		}
	}
	return out, nil
}

// dropMulticast removes the route that IPv6 gives to every device that comes up: multicast stays
// with the host.
func dropMulticast(link netlink.Link) error {
	err := netlink.RouteDel(multicastRoute(link.Attrs().Index))
	if errors.Is(err, unix.ESRCH) || errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	return fail("remove multicast route of "+link.Attrs().Name, err)
}

// bringUp sets the device up without multicast, so that the kernel sends no membership reports
// into it.
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
	link, err := findDevice(device)
	if err != nil || link == nil {
		return err
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
