//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"sync"
)

func runUDPEcho(ctx context.Context, flags *flag.FlagSet, args []string) error {
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, addr := range args {
		conn, err := net.ListenPacket("udp", addr)
		if err != nil {
			return err
		}
		_ = conn.(*net.UDPConn).SetReadBuffer(8 << 20)
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		all.Go(func() { echoPackets(conn) })
	}
	fmt.Fprintln(os.Stderr, "listening")
	all.Wait()
	return ctx.Err()
}

func echoPackets(conn net.PacketConn) {
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
