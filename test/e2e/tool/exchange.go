//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// runExchange puts whole IP packets on a device without asking the kernel's
// opinion: any header, any checksum, any fragment. Each line of standard input is one
// or more packets in hex, sent back to back as soon as the line is there. What comes in
// is printed as capture does.
func runExchange(ctx context.Context, flags *flag.FlagSet, args []string) error {
	to := flags.String("to", "", "link address of the next hop; none on a TUN device")
	dev, fd, err := openCapture(flags, args)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	send, err := deviceSender(dev, *to)
	if err != nil {
		return err
	}
	if err := unix.SetsockoptInt(fd, unix.SOL_PACKET, unix.PACKET_IGNORE_OUTGOING, 1); err != nil {
		return fmt.Errorf("ignore what is sent: %w", err) // it would take half of the buffer
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan error, 1)
	go func() {
		sent <- sendLines(os.Stdin, send)
		cancel()
	}()
	fmt.Fprintln(os.Stderr, "capturing")
	if err := captureLoop(ctx, fd); err != nil {
		return err
	}
	return <-sent
}

// deviceSender returns a function that puts an IP packet on a device.
func deviceSender(dev *net.Interface, to string) (func(b []byte) error, error) {
	var mac net.HardwareAddr
	if to != "" {
		var err error
		if mac, err = net.ParseMAC(to); err != nil {
			return nil, err
		}
	}
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("open packet socket: %w", err)
	}
	return func(b []byte) error {
		sll := unix.SockaddrLinklayer{Protocol: htons(unix.ETH_P_IP), Ifindex: dev.Index, Halen: uint8(len(mac))}
		if b[0]>>4 == 6 {
			sll.Protocol = htons(unix.ETH_P_IPV6)
		}
		copy(sll.Addr[:], mac)
		if err := unix.Sendto(fd, b, 0, &sll); err != nil {
			return fmt.Errorf("send %d bytes: %w", len(b), err)
		}
		return nil
	}, nil
}

func sendLines(in io.Reader, send func(b []byte) error) error {
	lines := bufio.NewReader(in)
	for {
		line, err := lines.ReadString('\n')
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		for digits := range strings.FieldsSeq(line) {
			b, err := hex.DecodeString(digits)
			if err == nil && len(b) == 0 {
				err = errors.New("empty packet")
			}
			if err == nil {
				err = send(b)
			}
			if err != nil {
				return err
			}
		}
	}
}
