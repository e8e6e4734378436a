//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"time"
)

// runTCPEchoes times a byte and its echo over one connection, again and again.
func runTCPEchoes(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 200, "bytes")
	every := flags.Duration("i", 10*time.Millisecond, "between two, at least")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	began := time.Now()
	conn, err := dialTCP(args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	connect := time.Since(began)
	times := make([]time.Duration, 0, *count)
	tick := time.NewTicker(*every)
	defer tick.Stop()
	for range *count {
		<-tick.C
		_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
		began := time.Now()
		if _, err := conn.Write([]byte("k")); err != nil {
			return err
		}
		if _, err := io.ReadFull(conn, make([]byte, 1)); err != nil {
			return err
		}
		times = append(times, time.Since(began))
	}
	if len(times) == 0 {
		return errors.New("nothing was sent")
	}
	slices.Sort(times)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	fmt.Printf("connect %.1f ms, p50 %.1f ms, p99 %.1f ms, max %.1f ms\n",
		ms(connect), ms(times[len(times)/2]), ms(times[(len(times)-1)*99/100]), ms(times[len(times)-1]))
	return ctx.Err()
}
