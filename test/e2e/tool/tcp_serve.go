//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"io"
	"net"
)

// serveEndless sends until the other side has gone.
func serveEndless(c *net.TCPConn) error {
	b := make([]byte, 64<<10)
	for {
		if _, err := c.Write(b); err != nil {
			return err
		}
	}
}

// serveDeaf reads nothing, and returns when its connection is closed from outside.
func serveDeaf(ctx context.Context) func(*net.TCPConn) error {
	return func(*net.TCPConn) error {
		<-ctx.Done()
		return context.Cause(ctx)
	}
}

// serveEarly answers the first line, which says how many bytes it wants, and closes without reading
// the rest: its kernel sends RST right behind the answer, as that of a web server does after an
// early 413.
func serveEarly(c *net.TCPConn) error {
	line, err := bufio.NewReaderSize(c, 64).ReadString('\n')
	if err != nil {
		return err
	}
	var n int
	if _, err := fmt.Sscan(line, &n); err != nil {
		return err
	}
	_, err = c.Write(bytes.Repeat([]byte("x"), n))
	return err
}

// serveWords prints how many bytes came before the end, and which end that was.
func serveWords(c *net.TCPConn) error {
	n, err := io.Copy(io.Discard, c)
	fmt.Println("words", n)
	return err
}

func runTCPServe(ctx context.Context, flags *flag.FlagSet, args []string) error {
	mode := flags.String("mode", "echo", "echo, digest, greet, rst, endless, deaf, early, words")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	serve, ok := map[string]func(*net.TCPConn) error{
		"echo": serveEcho, "digest": serveDigest, "greet": serveGreet, "rst": serveRST,
		"endless": serveEndless, "deaf": serveDeaf(ctx), "early": serveEarly, "words": serveWords,
	}[*mode]
	if !ok {
		return fmt.Errorf("unknown mode %q", *mode)
	}
	return serveAll(ctx, args, listenTCP, func(ln net.Listener) { acceptLoop(ctx, ln, serve) })
}

// acceptLoop serves each connection and prints how it ended.
func acceptLoop(ctx context.Context, ln net.Listener, serve func(*net.TCPConn) error) {
	for {
		conn, err := ln.Accept()
		if err != nil {
			return
		}
		go func() {
			defer conn.Close()
			defer context.AfterFunc(ctx, func() { conn.Close() })()
			end := "EOF"
			if err := serve(conn.(*net.TCPConn)); err != nil {
				end = errno(err)
			}
			fmt.Println("ended", end)
		}()
	}
}

func serveEcho(c *net.TCPConn) error { _, err := io.Copy(c, c); return err }

// serveDigest answers after the other side has closed its half.
func serveDigest(c *net.TCPConn) error {
	h := sha256.New()
	if _, err := io.Copy(h, c); err != nil {
		return err
	}
	_, err := c.Write([]byte(hex.EncodeToString(h.Sum(nil))))
	return err
}

// serveGreet closes its own half first and still listens.
func serveGreet(c *net.TCPConn) error {
	if _, err := c.Write([]byte("hello")); err != nil {
		return err
	}
	if err := c.CloseWrite(); err != nil {
		return err
	}
	n, err := io.Copy(io.Discard, c)
	fmt.Println("received", n)
	return err
}

// serveRST resets after the first byte.
func serveRST(c *net.TCPConn) error {
	if _, err := c.Read(make([]byte, 1)); err != nil {
		return err
	}
	return c.SetLinger(0)
}
