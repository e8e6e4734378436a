//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

func runCapture(ctx context.Context, flags *flag.FlagSet, args []string) error {
	_, fd, err := openCapture(flags, args)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	fmt.Fprintln(os.Stderr, "capturing")
	return captureLoop(ctx, fd)
}

// openCapture reads the flags of a command whose argument is a device, and returns that and a packet socket
// that sees what passes it from now on.
func openCapture(flags *flag.FlagSet, args []string) (dev *net.Interface, fd int, err error) {
	if args, err = parse(flags, args, 1); err != nil {
		return nil, -1, err
	}
	if dev, err = net.InterfaceByName(args[0]); err != nil {
		return nil, -1, err
	}
	// No protocol until it is bound: with one, the socket sees every device's packets until then (packet(7)).
	if fd, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, -1, fmt.Errorf("open packet socket: %w", err)
	}
	for _, opt := range []int{unix.SO_RCVBUF, unix.SO_RCVBUFFORCE} { // as much as the host allows, and as there is
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, opt, 32<<20)
	}
	// A short receive time-out is how the loop sees the context.
	err = unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &unix.Timeval{Usec: 20000})
	if err == nil {
		err = unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_ALL), Ifindex: dev.Index})
	}
	if err != nil {
		return nil, -1, errors.Join(fmt.Errorf("bind packet socket: %w", err), unix.Close(fd))
	}
	return dev, fd, nil
}

// afterEnd bounds the packets that are printed after the context has ended: what had come before waits
// in the socket, and on a busy machine that is much. What goes on for ever must not keep the loop.
const afterEnd = 1 << 16

// captureLoop prints what the socket has seen when ctx ends.
func captureLoop(ctx context.Context, fd int) error {
	out := bufio.NewWriterSize(os.Stdout, 1<<20)
	defer out.Flush()
	buf := make([]byte, 1<<17)
	for left := afterEnd; left > 0; {
		var flags int
		if ctx.Err() != nil {
			flags = unix.MSG_DONTWAIT
			left--
		}
		n, from, err := unix.Recvfrom(fd, buf, flags)
		switch {
		case errors.Is(err, unix.EAGAIN) && flags != 0:
			return nil
		case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR) || errors.Is(err, unix.ENETDOWN): // told once; it may come up
			if err := out.Flush(); err != nil {
				return err
			}
			continue
		case err != nil:
			return fmt.Errorf("receive: %w", err)
		}
		sll, ok := from.(*unix.SockaddrLinklayer)
		if !ok || sll.Protocol != htons(unix.ETH_P_IP) && sll.Protocol != htons(unix.ETH_P_IPV6) {
			continue
		}
		direction := "in"
		if sll.Pkttype == unix.PACKET_OUTGOING {
			direction = "out"
		}
		fmt.Fprintln(out, time.Now().UnixNano(), direction, hex.EncodeToString(buf[:n]))
	}
	return nil
}

func htons(v uint16) uint16 { return v<<8 | v>>8 }
