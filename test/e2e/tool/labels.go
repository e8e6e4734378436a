//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/proto/packet"
)

// labelStack is an MPLS label stack as an extension of an ICMP error (RFC 4884 §7, RFC 4950): label
// 24001 with class 2, and label 16 behind it.
const labelStack = "\x20\x00\xc4\x13\x00\x0c\x01\x01\x05\xdc\x14\x01\x00\x01\x01\x01"

// labelMark is the firewall mark of what runLabels sends: by it a rule tells it from what the kernel
// says, which must be kept from it.
const labelMark = 7

// runLabels is a router behind an MPLS network: each packet that comes in on DEVICE with TTL 1 is
// answered with a Time Exceeded from SRC that tells the labels that it had.
func runLabels(ctx context.Context, flags *flag.FlagSet, args []string) error {
	old := flags.Bool("old", false, "as before RFC 4884: no length is stated")
	from := flags.String("from", "", "address to answer from")
	dev, fd, err := openCapture(flags, args)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	src, err := netip.ParseAddr(*from)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("ignore what is sent on %s: %w", dev.Name, err)
	}
	e := packet.Error{Src: src, Type: packet.TypeTimeExceeded, TTL: 255, Extension: packet.Extension{Raw: labelStack}}
	if !*old {
		e.Extension.Quoted = 32
	}
	if src.Is6() {
		e.Type, e.Extension.Quoted = packet.Type6TimeExceeded, e.Extension.Quoted/2
	}
	fmt.Fprintln(os.Stderr, "listening")
	buf := make([]byte, packet.MaxSize)
	for ctx.Err() == nil {
		n, err := unix.Read(fd, buf)
		if err != nil {
			continue // the time-out of openCapture
		}
		var p packet.Packet
		if packet.Parse(buf[:n], &p) != packet.OK || p.V6 != src.Is6() || p.TTL != 1 || p.Dst == src {
			continue
		}
		b, ok := packet.AppendError(nil, e, &p)
		if !ok {
			continue
		}
		if err := sendMarked(b, p.Src, labelMark); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// sendMarked sends a whole IP packet with a firewall mark.
func sendMarked(b []byte, to netip.Addr, mark int) error {
	family, sa := unix.AF_INET, unix.Sockaddr(nil)
	if to.Is4() {
		sa = &unix.SockaddrInet4{Addr: to.As4()}
	} else {
		family, sa = unix.AF_INET6, &unix.SockaddrInet6{Addr: to.As16()}
	}
	fd, err := unix.Socket(family, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.IPPROTO_RAW)
	if err != nil {
		return fmt.Errorf("open raw socket: %w", err)
	}
	defer unix.Close(fd)
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_MARK, mark); err != nil {
		return fmt.Errorf("mark what is sent: %w", err)
	}
	if err := unix.Sendto(fd, b, 0, sa); err != nil {
		return fmt.Errorf("send %d bytes: %w", len(b), err)
	}
	return nil
}
