// macOS: one routing table, changed by messages to a routing socket (route(4)); addresses by
// ioctl. Both need root. An interface route names the interface by its index in a link-level
// gateway. The most specific route wins; there is one route for a prefix, a second RTM_ADD fails
// with EEXIST. A socket with IP_BOUND_IF (IPV6_BOUND_IF) looks at routes of that interface alone
// and falls back to its scoped default route, which is how the link's packets leave although
// everything is captured. A utun device goes away with its descriptor, and takes its addresses
// and routes along; reject routes stay. Not tried on a Mac yet: written from the manual pages and
// XNU's sources, tested over a faked system.
//
// Calls, with the errors that route(4), netintro(4), inet6(4) and XNU's bsd/net/rtsock.c,
// bsd/netinet/in.c document:
//
//	write RTM_ADD       EEXIST there already · ENETUNREACH, ENXIO interface gone · EINVAL · ENOBUFS · EPERM, EACCES not root
//	write RTM_DELETE    ESRCH not there
//	sysctl NET_RT_DUMP  ENOMEM the table grew meanwhile (asked again)
//	SIOCAIFADDR(_IN6)   EEXIST · ENXIO no such interface · EPERM · EAFNOSUPPORT
//	SIOCDIFADDR(_IN6)   EADDRNOTAVAIL not there · ENXIO
//	SIOCSIFFLAGS        ENXIO · EPERM
//	IP(V6)_BOUND_IF     ENXIO no such interface · EINVAL

package osroute

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/net/route"
	"golang.org/x/sys/unix"
)

// The ioctl numbers that x/sys does not name: _IOW('i', n, struct) of netinet6/in6_var.h and
// sys/sockio.h.
const (
	siocAIfAddr, siocDIfAddr       = 0x8040691a, 0x80206919
	siocAIfAddrIn6, siocDIfAddrIn6 = 0x8080691a, 0x81206919
)

// dumpTries bounds how often the table is asked for again that grew while the kernel was giving it.
const dumpTries = 5

// darwinCalls implements calls.
type darwinCalls struct{}

// Prepare sets the device up. utun has no router discovery to stop, and tun.Open has set its MTU.
func (darwinCalls) Prepare(device string, _ int, _ bool) error {
	req := make([]byte, ifReqLen)
	copy(req[:darwinNameLen-1], device)
	if err := ioctl(unix.AF_INET, unix.SIOCGIFFLAGS, req); err != nil {
		return err
	}
	req[darwinNameLen] |= unix.IFF_UP
	return ioctl(unix.AF_INET, unix.SIOCSIFFLAGS, req)
}

// Addresses lists the device's addresses.
func (darwinCalls) Addresses(device string) ([]netip.Prefix, error) {
	ifi, err := net.InterfaceByName(device)
	if err != nil {
		return nil, err
	}
	addrs, err := ifi.Addrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Prefix
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				bits, _ := n.Mask.Size()
				out = append(out, netip.PrefixFrom(ip.Unmap(), bits))
			}
		}
	}
	return out, nil
}

// AddAddress gives the device an address.
func (darwinCalls) AddAddress(device string, p netip.Prefix) error {
	if p.Addr().Is4() {
		return ioctl(unix.AF_INET, siocAIfAddr, aliasRequest(device, p))
	}
	return ioctl(unix.AF_INET6, siocAIfAddrIn6, aliasRequest(device, p))
}

// RemoveAddress takes an address off the device.
func (darwinCalls) RemoveAddress(device string, p netip.Prefix) error {
	if p.Addr().Is4() {
		return ioctl(unix.AF_INET, siocDIfAddr, deleteRequest(device, p.Addr()))
	}
	return ioctl(unix.AF_INET6, siocDIfAddrIn6, deleteRequest(device, p.Addr()))
}

// Routes reads the routing table.
func (darwinCalls) Routes() ([]seenRoute, error) {
	msgs, err := readTable()
	if err != nil {
		return nil, err
	}
	var out []seenRoute
	for _, m := range msgs {
		if s, ok := decodeRoute(m).seen(); ok {
			out = append(out, s)
		}
	}
	return out, nil
}

// AddRoute adds a route.
func (darwinCalls) AddRoute(device string, r hostRoute) error { return change(rtmAdd, device, r) }

// RemoveRoute removes a route.
func (darwinCalls) RemoveRoute(device string, r hostRoute) error { return change(rtmDelete, device, r) }

// change writes one message to a routing socket; the kernel's answer is the errno of the write.
func change(kind byte, device string, r hostRoute) error {
	var index uint16
	if !r.stop {
		ifi, err := net.InterfaceByName(device)
		if err != nil {
			return fmt.Errorf("%w: %w", syscall.ENXIO, err)
		}
		index = uint16(ifi.Index)
	}
	fd, err := unix.Socket(unix.AF_ROUTE, unix.SOCK_RAW, unix.AF_UNSPEC)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	_, err = unix.Write(fd, routeMessage(kind, 1, r, index))
	return err
}

func ioctl(family int, request uintptr, arg []byte) error {
	fd, err := unix.Socket(family, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	if _, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), request, uintptr(unsafe.Pointer(&arg[0]))); errno != 0 {
		return os.NewSyscallError("ioctl", errno)
	}
	return nil
}

// readTable returns the messages of the routing table.
func readTable() ([]*route.RouteMessage, error) {
	var rib []byte
	var err error
	for range dumpTries {
		if rib, err = route.FetchRIB(syscall.AF_UNSPEC, route.RIBTypeRoute, 0); !errors.Is(err, syscall.ENOMEM) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	msgs, err := route.ParseRIB(route.RIBTypeRoute, rib)
	if err != nil {
		return nil, err
	}
	var out []*route.RouteMessage
	for _, m := range msgs {
		if rm, ok := m.(*route.RouteMessage); ok {
			out = append(out, rm)
		}
	}
	return out, nil
}

// decodeRoute picks what matters out of a message; a zero dst means that it is not about IP.
func decodeRoute(m *route.RouteMessage) darwinRoute {
	out := darwinRoute{flags: m.Flags}
	if ifi, err := net.InterfaceByIndex(m.Index); err == nil {
		out.device = ifi.Name
	}
	at := func(i int) route.Addr {
		if i < len(m.Addrs) {
			return m.Addrs[i]
		}
		return nil
	}
	out.dst, _ = ipOf(at(syscall.RTAX_DST))
	out.via, _ = ipOf(at(syscall.RTAX_GATEWAY))
	if mask, ok := ipOf(at(syscall.RTAX_NETMASK)); ok {
		out.mask = mask.AsSlice()
	}
	return out
}

func ipOf(a route.Addr) (netip.Addr, bool) {
	switch a := a.(type) {
	case *route.Inet4Addr:
		return netip.AddrFrom4(a.IP), true
	case *route.Inet6Addr:
		return netip.AddrFrom16(a.IP), true
	}
	return netip.Addr{}, false
}

// underlay returns the index of the interface of the host's own default route, which the captures
// never replace; 0 when there is none.
func underlay(v6 bool) int {
	msgs, err := readTable()
	if err != nil {
		return 0
	}
	for _, m := range msgs {
		d := decodeRoute(m)
		s, ok := d.seen()
		if ok && s.dst.Bits() == 0 && s.dst.Addr().Is6() == v6 && !s.stop && !strings.HasPrefix(d.device, "utun") {
			return m.Index
		}
	}
	return 0
}
