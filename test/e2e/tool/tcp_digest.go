//go:build linux

package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
)

func runTCPDigest(ctx context.Context, flags *flag.FlagSet, args []string) error {
	size := flags.Int64("n", 1<<20, "bytes to send")
	conn, err := connect("tcp", flags, args)
	if err != nil {
		return err
	}
	defer conn.Close()
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(conn, h), rand.Reader, *size); err != nil {
		return err
	}
	if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(conn)
	if err != nil {
		return err
	}
	if want := hex.EncodeToString(h.Sum(nil)); string(got) != want {
		return fmt.Errorf("digest %q, want %s", got, want)
	}
	fmt.Println("digests match")
	return ctx.Err()
}
