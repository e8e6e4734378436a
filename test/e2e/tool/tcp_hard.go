//go:build linux

package main

import (
	"context"
	"flag"
)

// runTCPHard says something and resets right behind it.
func runTCPHard(ctx context.Context, flags *flag.FlagSet, args []string) error {
	tries := flags.Int("n", 40, "connections")
	size := flags.Int("s", 100, "bytes that are said")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	for range *tries {
		conn, err := dialTCP(args[0])
		if err != nil {
			return err
		}
		if _, err := conn.Write(make([]byte, *size)); err != nil {
			return err
		}
		_ = conn.SetLinger(0)
		conn.Close()
	}
	return ctx.Err()
}
