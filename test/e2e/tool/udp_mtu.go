//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/sock"
)

// runUDPMTU is an application that discovers the path MTU for itself (RFC 8899 in short): datagrams
// as large as the kernel believes to fit, with DF, to an echo server, and smaller ones when it is
// told that they are too big. It prints who said so, and the size that crosses.
func runUDPMTU(ctx context.Context, flags *flag.FlagSet, args []string) error {
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	dst, err := netip.ParseAddrPort(args[0])
	if err != nil {
		return err
	}
	v6 := dst.Addr().Is6()
	fd, err := sock.Open(v6, unix.SOCK_DGRAM, unix.IPPROTO_UDP)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	level, discover, mtuOption, do, head := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER, unix.IP_MTU, unix.IP_PMTUDISC_DO, 28
	if v6 {
		level, discover, mtuOption, do, head = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER, unix.IPV6_MTU, unix.IPV6_PMTUDISC_DO, 48
	}
	if err := errors.Join(unix.SetsockoptInt(fd, level, discover, do), unix.Connect(fd, sock.Sockaddr(dst))); err != nil {
		return err
	}
	for range 10 {
		mtu, err := unix.GetsockoptInt(fd, level, mtuOption)
		if err != nil {
			return fmt.Errorf("read the path MTU: %w", err)
		}
		told, err := tryMTU(ctx, fd, mtu-head)
		switch {
		case err != nil:
			return err
		case told == "":
			fmt.Println("fits", mtu)
			return nil
		}
		fmt.Println(told)
	}
	return errors.New("never fits")
}

// tryMTU sends one datagram and returns "" when it comes back, or what was said instead.
func tryMTU(ctx context.Context, fd, size int) (string, error) {
	payload := bytes.Repeat([]byte{0x69}, size)
	m := sock.NewMessage(0, sock.MaxPayload)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range 3 {
		if _, err := unix.Write(fd, payload); err != nil && !errors.Is(err, unix.EMSGSIZE) {
			return "", fmt.Errorf("send %d bytes: %w", size, err)
		}
		for range 200 {
			var e sock.QueuedError
			var r sock.Received
			switch {
			case m.ReadError(fd, &e) == nil && e.Errno == unix.EMSGSIZE:
				return fmt.Sprintf("%v says %d", e.From, e.Info), nil
			case m.Receive(fd, 0, &r) == nil && bytes.Equal(r.Data, payload):
				return "", nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return "", ctx.Err()
			}
		}
	}
	return "", fmt.Errorf("nobody says anything about %d bytes", size)
}
