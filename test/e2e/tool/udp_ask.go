//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"flag"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

func runUDPAsk(ctx context.Context, flags *flag.FlagSet, args []string) error {
	sizes := flags.String("sizes", "0,1,1200,1500,9000,65507", "payload sizes")
	wait := flags.Duration("w", 3*time.Second, "how long to wait for each answer")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	failed := 0
	for text := range strings.SplitSeq(*sizes, ",") {
		size, err := strconv.Atoi(text)
		if err != nil {
			return err
		}
		began := time.Now()
		if err := ask(args[0], size, *wait); err != nil {
			fmt.Printf("size %d: %v\n", size, errno(err))
			failed++
			continue
		}
		fmt.Printf("size %d ok in %v\n", size, time.Since(began).Round(10*time.Microsecond))
	}
	if failed > 0 {
		return fmt.Errorf("%d sizes failed", failed)
	}
	return ctx.Err()
}

// ask sends one datagram from a socket of its own and compares the answer.
func ask(addr string, size int, wait time.Duration) error {
	conn, err := net.Dial("udp", addr)
	if err != nil {
		return err
	}
	defer conn.Close()
	sent, got := make([]byte, size), make([]byte, 1<<16)
	_, _ = rand.Read(sent)
	if _, err := conn.Write(sent); err != nil {
		return err
	}
	if err := conn.SetReadDeadline(time.Now().Add(wait)); err != nil {
		return err
	}
	n, err := conn.Read(got)
	if err != nil {
		return err
	}
	if !bytes.Equal(got[:n], sent) {
		return fmt.Errorf("the answer has %d bytes and differs", n)
	}
	return nil
}
