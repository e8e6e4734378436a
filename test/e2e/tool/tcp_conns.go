//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"io"
	"sync"
	"time"
)

func runTCPConns(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 500, "connections")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	var counted ends
	var connected, all sync.WaitGroup
	connected.Add(*count)
	for range *count {
		all.Go(func() { counted.note(oneConn(args[0], &connected)) })
	}
	all.Wait()
	if err := counted.report("connections", *count); err != nil {
		return err
	}
	return ctx.Err()
}

// oneConn sends only when all are connected: they are open at once.
func oneConn(addr string, connected *sync.WaitGroup) error {
	conn, err := dialTCP(addr)
	connected.Done()
	if err != nil {
		return err
	}
	defer conn.Close()
	connected.Wait()
	sent, got := make([]byte, 4096), make([]byte, 4096)
	_, _ = rand.Read(sent)
	_ = conn.SetDeadline(time.Now().Add(30 * time.Second))
	if _, err := conn.Write(sent); err != nil {
		return err
	}
	if _, err := io.ReadFull(conn, got); err != nil {
		return err
	}
	if !bytes.Equal(sent, got) {
		return errors.New("somebody else's bytes")
	}
	return nil
}
