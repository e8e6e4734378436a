//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"
)

// runTCPEchoes times a byte and its echo over one connection, again and again.
func runTCPEchoes(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 200, "bytes")
	every := flags.Duration("i", 10*time.Millisecond, "between two, at least")
	began := time.Now()
	conn, err := connect("tcp", flags, args)
	if err != nil {
		return err
	}
	defer conn.Close()
	opened := time.Since(began)
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
	fmt.Printf("connect %.1f ms, %s\n", float64(opened.Microseconds())/1000, percentiles(times))
	return ctx.Err()
}
