//go:build linux

package main

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/proto/packet"
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

// listenICMP opens a raw socket that receives every ICMP message that the kernel accepts.
func listenICMP(v6 bool) (*net.IPConn, error) {
	if v6 {
		return net.ListenIP("ip6:ipv6-icmp", nil)
	}
	return net.ListenIP("ip4:icmp", nil)
}

// echoReply reads an ICMP message; ok says that it is a reply to an echo request with this identifier.
func echoReply(b []byte, v6 bool, ident uint16) (seq uint16, payload []byte, ok bool) {
	reply := byte(packet.TypeEchoReply)
	if v6 {
		reply = packet.Type6EchoReply
	}
	if len(b) < 8 || b[0] != reply || binary.BigEndian.Uint16(b[4:]) != ident {
		return 0, nil, false
	}
	return binary.BigEndian.Uint16(b[6:]), b[8:], true
}

// addrOf returns the address of a peer of an IP or UDP socket.
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

// headerSize is that of an IP header without options.
func headerSize(v6 bool) int {
	if v6 {
		return 40
	}
	return 20
}
