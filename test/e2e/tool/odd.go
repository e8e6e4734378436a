//go:build linux

package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"

	"github.com/oneping/oneping/proto/packet"
)

// runOdd answers echo requests as no kernel would: the kernel itself must be kept from it
// (icmp_echo_ignore_all). Each MODE makes one reply of the payload; all of them are sent:
//
//	same, flip:N (the byte at N), zero, cut:N (to N bytes), add:N (bytes), code:N (the ICMP code)
func runOdd(ctx context.Context, flags *flag.FlagSet, args []string) error {
	v6 := flags.Bool("6", false, "IPv6")
	if err := flags.Parse(args); err != nil {
		return err
	}
	conn, err := listenICMP(*v6)
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	fmt.Fprintln(os.Stderr, "listening")
	request, reply := byte(packet.TypeEchoRequest), byte(packet.TypeEchoReply)
	if *v6 {
		request, reply = packet.Type6EchoRequest, packet.Type6EchoReply
	}
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return ctx.Err()
		}
		if n < 8 || buf[0] != request {
			continue
		}
		for _, mode := range flags.Args() {
			b, err := odd(buf[:n], mode)
			if err != nil {
				return err
			}
			b[0] = reply
			if err := sendICMP(conn, b, from, *v6); err != nil {
				return err
			}
		}
	}
}

// odd returns a copy of the request as mode says.
func odd(request []byte, mode string) ([]byte, error) {
	b := bytes.Clone(request)
	name, arg, _ := strings.Cut(mode, ":")
	n := 0
	if arg != "" {
		var err error
		if n, err = strconv.Atoi(arg); err != nil {
			return nil, err
		}
	}
	switch {
	case name == "same":
	case name == "flip" && 8+n < len(b):
		b[8+n] ^= 0xff
	case name == "zero":
		clear(b[8:])
	case name == "cut" && 8+n <= len(b):
		b = b[:8+n]
	case name == "add":
		b = append(b, bytes.Repeat([]byte{'Z'}, n)...)
	case name == "code":
		b[1] = byte(n)
	default:
		return nil, fmt.Errorf("unknown mode %q", mode)
	}
	return b, nil
}

// sendICMP sends an ICMP message with the right checksum, which for IPv6 is the kernel's to write.
func sendICMP(conn *net.IPConn, b []byte, to net.Addr, v6 bool) error {
	b[2], b[3] = 0, 0
	if !v6 {
		binary.BigEndian.PutUint16(b[2:], packet.Checksum(b, 0))
	}
	_, err := conn.WriteTo(b, to)
	return err
}
