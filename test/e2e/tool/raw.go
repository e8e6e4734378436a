//go:build linux

package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// rawSender returns a function that sends whole IP packets.
func rawSender(dst netip.Addr) (func(b []byte) error, error) {
	family, to := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{})
	if dst.Is4() {
		to = &unix.SockaddrInet4{Addr: dst.As4()}
	} else {
		family, to = unix.AF_INET6, &unix.SockaddrInet6{Addr: dst.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return nil, fmt.Errorf("open raw socket: %w", err)
	}
	return func(b []byte) error {
		if err := unix.Sendto(fd, b, 0, to); err != nil {
			return fmt.Errorf("send %d bytes: %w", len(b), err)
		}
		return nil
	}, nil
}

// pingSocket opens a ping socket bound to an identifier.
func pingSocket(v6 bool, ident int) (net.PacketConn, error) {
	family, proto, addr := unix.AF_INET, unix.IPPROTO_ICMP, unix.Sockaddr(&unix.SockaddrInet4{Port: ident})
	if v6 {
		family, proto, addr = unix.AF_INET6, unix.IPPROTO_ICMPV6, &unix.SockaddrInet6{Port: ident}
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, proto)
	if err != nil {
		return nil, fmt.Errorf("open ping socket: %w", err)
	}
	f := os.NewFile(uintptr(fd), "ping")
	defer f.Close()
	if err := unix.Bind(fd, addr); err != nil {
		return nil, fmt.Errorf("bind ping socket: %w", err)
	}
	return net.FilePacketConn(f)
}

func addrOf(a net.Addr) netip.Addr {
	var ip net.IP
	switch a := a.(type) {
	case *net.IPAddr:
		ip = a.IP
	case *net.UDPAddr:
		ip = a.IP
	}
	addr, _ := netip.AddrFromSlice(ip)
	return addr.Unmap()
}

func headerSize(v6 bool) int {
	if v6 {
		return 40
	}
	return 20
}
