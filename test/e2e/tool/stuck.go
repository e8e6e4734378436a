//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
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

// serveEarly answers the first line, which says how many bytes it wants, and closes without reading the rest: its
// kernel sends RST right behind the answer, as that of a web server does after an early 413.
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
