package osroute

import (
	"errors"
	"net/netip"

	"github.com/vishvananda/netlink"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"
)

// This file is about a TUN device that was there before the client, made by "ip tuntap add": it
// stays when the client ends, so what the client changes on it is put back.

// held reports whether a process has the TUN device open: one that is not persistent would be
// gone otherwise, and one that is has a carrier only then.
func held(l netlink.Link) bool {
	t, ok := l.(*netlink.Tuntap)
	return ok && (t.NonPersist || l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0)
}

// findDevice returns the interface of that name, nil when there is none.
func findDevice(name string) (netlink.Link, error) {
	l, err := netlink.LinkByName(name)
	var missing netlink.LinkNotFoundError
	if errors.As(err, &missing) {
		return nil, nil
	}
	return l, fail("find device "+name, err)
}

// ownDevice returns the device of that name. One that was renamed under us gets its name back:
// table, priorities and journal go by it.
func (r *Router) ownDevice(name string) (netlink.Link, error) {
	link, err := findDevice(name)
	if err != nil {
		return nil, err
	}
	if link == nil && r.dev != 0 {
		if renamed, err := netlink.LinkByIndex(r.dev); err == nil && held(renamed) {
			r.log.Warn("the TUN device was renamed: it gets its name back", zap.String("device", name), zap.String("was", renamed.Attrs().Name))
			if link, err = rename(renamed, name); err != nil {
				return nil, err
			}
		}
	}
	if link == nil {
		return nil, failure("find device "+name, ErrNoDevice, "the client makes it anew: look again in a moment; its log says why it cannot")
	}
	r.dev = link.Attrs().Index
	return link, nil
}

// rename gives a device its name. Linux before 6.2 wants it down for that.
func rename(link netlink.Link, name string) (netlink.Link, error) {
	err := netlink.LinkSetName(link, name)
	if errors.Is(err, unix.EBUSY) {
		if err = netlink.LinkSetDown(link); err == nil {
			err = netlink.LinkSetName(link, name)
		}
	}
	if err != nil {
		return nil, fail("rename "+link.Attrs().Name+" to "+name, err)
	}
	return findDevice(name)
}

// noteDevice returns how a persistent TUN device is now; nil for anything else, which ends with
// its process or is not ours to change.
func noteDevice(l netlink.Link) (*deviceState, error) {
	if t, ok := l.(*netlink.Tuntap); !ok || t.NonPersist {
		return nil, nil
	}
	attrs := l.Attrs()
	s := &deviceState{
		Name: attrs.Name, Index: attrs.Index, MTU: attrs.MTU, Queue: attrs.TxQLen,
		Up: attrs.RawFlags&unix.IFF_UP != 0, Multicast: attrs.RawFlags&unix.IFF_MULTICAST != 0,
		Settings: make(map[string]string),
	}
	var err error
	if s.Addrs, err = addresses(l); err != nil {
		return nil, err
	}
	for _, x := range quietSettings() {
		if value := readSetting(x, s.Name); value != "" {
			s.Settings[x.key()] = value
		}
	}
	if hasIPv6() {
		have, err := netlink.RouteListFiltered(unix.AF_INET6, multicastRoute(s.Index), netlink.RT_FILTER_TABLE|netlink.RT_FILTER_OIF|netlink.RT_FILTER_DST)
		if err != nil {
			return nil, fail("list routes of "+s.Name, err)
		}
		s.MulticastRoute = len(have) > 0
	}
	return s, nil
}

// addresses returns those of an interface but for link-local ones, which are the kernel's.
func addresses(l netlink.Link) ([]netip.Prefix, error) {
	have, err := list(func() ([]netlink.Addr, error) { return netlink.AddrList(l, netlink.FAMILY_ALL) })
	if err != nil {
		return nil, fail("list addresses of "+l.Attrs().Name, err)
	}
	var out []netip.Prefix
	for _, a := range have {
		if p := fromIPNet(a.IPNet); p.IsValid() && !p.Addr().IsLinkLocalUnicast() {
			out = append(out, p)
		}
	}
	return out, nil
}

// putBack makes the device what it was; mayBeHeld says that it is this process that has it open.
// It reports false, and changes nothing, when the device is gone, is another one of that name, or
// another process's.
func (s *deviceState) putBack(mayBeHeld bool) (bool, error) {
	l, err := findDevice(s.Name)
	if err != nil || l == nil || l.Attrs().Index != s.Index || held(l) && !mayBeHeld {
		return false, err
	}
	if t, ok := l.(*netlink.Tuntap); !ok || t.NonPersist {
		return false, nil
	}
	var errs []error
	try := func(op string, err error) { errs = append(errs, fail(op+" of "+s.Name, err)) }
	if !s.Up {
		try("put back the state", netlink.LinkSetDown(l))
	} else if hasIPv6() {
		errs = append(errs, setRouters(l, nil))
	}
	have, err := addresses(l)
	errs = append(errs, err)
	add, remove := diff(have, s.Addrs)
	for _, p := range remove {
		if err := netlink.AddrDel(l, &netlink.Addr{IPNet: toIPNet(p)}); !errors.Is(err, unix.EADDRNOTAVAIL) {
			try("remove address "+p.String(), err)
		}
	}
	for _, x := range quietSettings() {
		if value, ok := s.Settings[x.key()]; ok {
			try("put back "+x.key(), writeSetting(x, s.Name, value))
		}
	}
	try("put back the MTU", netlink.LinkSetMTU(l, s.MTU))
	try("put back the queue", netlink.LinkSetTxQLen(l, s.Queue))
	if s.Multicast {
		try("put back multicast", netlink.LinkSetMulticastOn(l))
	}
	for _, p := range add {
		if err := netlink.AddrAdd(l, &netlink.Addr{IPNet: toIPNet(p)}); !errors.Is(err, unix.EEXIST) {
			try("put back address "+p.String(), err)
		}
	}
	if s.MulticastRoute {
		if err := netlink.RouteAdd(multicastRoute(s.Index)); !errors.Is(err, unix.EEXIST) {
			try("put back the multicast route", err)
		}
	}
	return true, errors.Join(errs...)
}

// multicastRoute is the route that IPv6 gives to every device that comes up.
func multicastRoute(index int) *netlink.Route {
	return &netlink.Route{
		Family: unix.AF_INET6, Table: unix.RT_TABLE_LOCAL, LinkIndex: index, Type: unix.RTN_MULTICAST,
		Dst: toIPNet(netip.MustParsePrefix("ff00::/8")), Protocol: unix.RTPROT_KERNEL, Priority: 256,
	}
}
