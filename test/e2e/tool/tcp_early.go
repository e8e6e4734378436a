//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

// runTCPEarly uploads to a server that answers early, and counts the whole answers.
func runTCPEarly(ctx context.Context, flags *flag.FlagSet, args []string) error {
	tries := flags.Int("n", 40, "uploads")
	size := flags.Int("answer", 300, "bytes that are answered")
	upload := flags.Int("upload", 100_000, "bytes that are sent")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	whole := 0
	for range *tries {
		got, err := earlyAnswer(args[0], *size, *upload)
		if got == *size {
			whole++
		} else {
			fmt.Fprintln(os.Stderr, "after", got, "bytes:", err)
		}
	}
	fmt.Println("whole", whole)
	return ctx.Err()
}

func earlyAnswer(addr string, size, upload int) (int, error) {
	conn, err := dialTCP(addr)
	if err != nil {
		return 0, err
	}
	defer conn.Close()
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	go func() { _, _ = conn.Write(append(fmt.Appendln(nil, size), make([]byte, upload)...)) }()
	n, err := io.ReadFull(conn, make([]byte, size))
	return n, err
}
