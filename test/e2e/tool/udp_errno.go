//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"time"
)

func runUDPErrno(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 1, "datagrams")
	size := flags.Int("s", 10, "payload size")
	wait := flags.Duration("w", time.Second, "how long to wait after each")
	conn, err := connect("udp", flags, args)
	if err != nil {
		return err
	}
	defer conn.Close()
	for range *count {
		began := time.Now()
		_, err := conn.Write(make([]byte, *size))
		what := "write"
		if err == nil {
			what = "read"
			_ = conn.SetReadDeadline(time.Now().Add(*wait))
			_, err = conn.Read(make([]byte, 1<<16))
		}
		text := "answered"
		if err != nil {
			text = errno(err)
		}
		fmt.Println(what, text, time.Since(began).Round(100*time.Microsecond))
	}
	return ctx.Err()
}
