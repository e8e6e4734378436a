//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"net"
)

func runUDPEcho(ctx context.Context, flags *flag.FlagSet, args []string) error {
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	return serveAll(ctx, args, listenUDP, echoPackets)
}

func echoPackets(conn *net.UDPConn) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = conn.WriteTo(buf[:n], from) // an ICMP error of an earlier answer, perhaps
		}
	}
}
