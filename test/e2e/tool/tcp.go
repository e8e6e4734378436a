//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

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
	var all sync.WaitGroup
	for _, addr := range args {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { ln.Close() })()
		all.Go(func() { acceptLoop(ctx, ln, serve) })
	}
	fmt.Fprintln(os.Stderr, "listening")
	all.Wait()
	return ctx.Err()
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

func dialTCP(addr string) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

func runTCPDigest(ctx context.Context, flags *flag.FlagSet, args []string) error {
	size := flags.Int64("n", 1<<20, "bytes to send")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	conn, err := dialTCP(args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	h := sha256.New()
	if _, err := io.CopyN(io.MultiWriter(conn, h), rand.Reader, *size); err != nil {
		return err
	}
	if err := conn.CloseWrite(); err != nil {
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

func runTCPErrno(ctx context.Context, flags *flag.FlagSet, args []string) error {
	abort := flags.Bool("abort", false, "once a byte was echoed, reset")
	finish := flags.Bool("fin", false, "once connected, send nothing and close our half")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	began := time.Now()
	conn, err := dialTCP(args[0])
	if err != nil {
		fmt.Println("connect", errno(err), time.Since(began).Round(100*time.Microsecond))
		return nil
	}
	defer conn.Close()
	fmt.Println("connect ok", time.Since(began).Round(100*time.Microsecond))
	switch {
	case *abort:
		if _, err := conn.Write([]byte("x")); err != nil {
			return err
		}
		if _, err := conn.Read(make([]byte, 1)); err != nil {
			return err
		}
		return conn.SetLinger(0)
	case *finish:
		err = conn.CloseWrite()
	default:
		_, err = conn.Write([]byte("x"))
	}
	if err != nil {
		return err
	}
	_ = conn.SetReadDeadline(time.Now().Add(5 * time.Second))
	got, err := io.ReadAll(conn)
	end := "EOF"
	if err != nil {
		end = errno(err)
	}
	fmt.Printf("read %q %s\n", got, end)
	return ctx.Err()
}

func runTCPConns(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 500, "connections")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	var mu sync.Mutex
	var connected, all sync.WaitGroup
	ends := make(map[string]int)
	connected.Add(*count)
	for range *count {
		all.Go(func() {
			end := "ok"
			if err := oneConn(args[0], &connected); err != nil {
				end = errno(err)
			}
			mu.Lock()
			ends[end]++
			mu.Unlock()
		})
	}
	all.Wait()
	fmt.Printf("%d connections: %v\n", *count, ends)
	if ends["ok"] != *count {
		return errors.New("not every connection worked")
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
