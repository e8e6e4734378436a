package sock

import (
	"net"
	"net/netip"
	"strconv"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setName writes ap as the address of a message and returns its length.
func (m *Message) setName(ap netip.AddrPort, v6 bool) uint32 {
	port := ap.Port()<<8 | ap.Port()>>8
	if v6 {
		m.name = unix.RawSockaddrInet6{Family: unix.AF_INET6, Port: hostOrder(ap.Port(), port), Addr: ap.Addr().As16(), Scope_id: zone(ap.Addr().Zone())}
		return unix.SizeofSockaddrInet6
	}
	sa := (*unix.RawSockaddrInet4)(unsafe.Pointer(&m.name))
	*sa = unix.RawSockaddrInet4{Family: unix.AF_INET, Port: hostOrder(ap.Port(), port), Addr: ap.Addr().As4()}
	return unix.SizeofSockaddrInet4
}

// hostOrder picks the value whose bytes in memory are big endian.
func hostOrder(v, swapped uint16) uint16 {
	probe := [2]byte{0, 1}
	if *(*uint16)(unsafe.Pointer(&probe)) == 1 {
		return v
	}
	return swapped
}

// addr returns the address of the last received message.
func (m *Message) addr() netip.AddrPort {
	n := min(int(m.hdr.Namelen), int(unsafe.Sizeof(m.name)))
	return addrOf(unsafe.Slice((*byte)(unsafe.Pointer(&m.name)), n))
}

// addrOf reads a sockaddr_in or sockaddr_in6; zero where b is neither.
func addrOf(b []byte) netip.AddrPort {
	if len(b) < 2 {
		return netip.AddrPort{}
	}
	switch family := *(*uint16)(unsafe.Pointer(&b[0])); {
	case family == unix.AF_INET && len(b) >= unix.SizeofSockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4([4]byte(b[4:8])), uint16(b[2])<<8|uint16(b[3]))
	case family == unix.AF_INET6 && len(b) >= unix.SizeofSockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16([16]byte(b[8:24])), uint16(b[2])<<8|uint16(b[3]))
	}
	return netip.AddrPort{}
}

// Sockaddr returns ap as x/sys/unix takes it. The zone of an address is the name of a device or its
// number; one that is neither is left out.
func Sockaddr(ap netip.AddrPort) unix.Sockaddr {
	if ap.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(ap.Port()), ZoneId: zone(ap.Addr().Zone()), Addr: ap.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(ap.Port()), Addr: ap.Addr().As4()}
}

// zone returns the number of the device that a zone names, 0 for none.
func zone(name string) uint32 {
	if name == "" {
		return 0
	}
	if device, err := net.InterfaceByName(name); err == nil {
		return uint32(device.Index)
	}
	n, _ := strconv.ParseUint(name, 10, 32) // not a number: 0
	return uint32(n)
}

// LocalAddr returns the address that fd is bound to. The port of a ping socket is its identifier.
func LocalAddr(fd int) (netip.AddrPort, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, err
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), nil
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(a.Addr), uint16(a.Port)), nil
	}
	return netip.AddrPort{}, unix.EAFNOSUPPORT
}
