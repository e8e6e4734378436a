//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// runTCPHold holds connections on which this end has stopped to read, or to which the far end has.
func runTCPHold(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 2, "connections")
	up := flags.Bool("up", false, "send until nothing more is taken, instead of not reading")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	var sent, last atomic.Int64
	var all sync.WaitGroup
	for range *count {
		conn, err := dialTCP(args[0])
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		if !*up {
			continue
		}
		all.Go(func() {
			b := make([]byte, 64<<10)
			for n, err := conn.Write(b); err == nil; n, err = conn.Write(b) {
				sent.Add(int64(n))
			}
		})
	}
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			all.Wait()
			return ctx.Err()
		case <-tick.C:
			if now := sent.Load(); last.Swap(now) == now {
				fmt.Fprintln(os.Stderr, "holding", now)
				<-ctx.Done()
			}
		}
	}
}
