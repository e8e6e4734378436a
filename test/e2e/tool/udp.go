//go:build linux

package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

func runUDPEcho(ctx context.Context, flags *flag.FlagSet, args []string) error {
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	var all sync.WaitGroup
	for _, addr := range args {
		conn, err := net.ListenPacket("udp", addr)
		if err != nil {
			return err
		}
		_ = conn.(*net.UDPConn).SetReadBuffer(8 << 20)
		defer context.AfterFunc(ctx, func() { conn.Close() })()
		all.Go(func() { echoPackets(conn) })
	}
	fmt.Fprintln(os.Stderr, "listening")
	all.Wait()
	return ctx.Err()
}

func echoPackets(conn net.PacketConn) {
	buf := make([]byte, 1<<16)
	for {
		n, from, err := conn.ReadFrom(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err == nil {
			_, _ = conn.WriteTo(buf[:n], from) // an ICMP error of an earlier answer, perhaps
		}
	}
}

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

func runUDPSessions(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 2000, "sessions")
	wait := flags.Duration("w", 3*time.Second, "how long to wait before asking again, twice at most")
	every := flags.Duration("i", 250*time.Microsecond, "between two first datagrams")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	conns := make([]net.Conn, *count)
	for i := range conns {
		if conns[i], err = net.Dial("udp", args[0]); err != nil {
			return err
		}
		defer conns[i].Close()
	}
	var mu sync.Mutex
	ends := make(map[string]int)
	var all sync.WaitGroup
	ticker := time.NewTicker(*every)
	defer ticker.Stop()
	for i, conn := range conns {
		<-ticker.C
		all.Go(func() {
			end := session(conn, fmt.Appendf(nil, "session %d from %v", i, conn.LocalAddr()), *wait)
			mu.Lock()
			ends[end]++
			mu.Unlock()
		})
	}
	all.Wait()
	fmt.Printf("%d sessions: %v\n", *count, ends)
	if ends["ok"] != *count {
		return errors.New("not every session had its answer")
	}
	return ctx.Err()
}

// session asks as a resolver does: again where no answer comes.
func session(conn net.Conn, payload []byte, wait time.Duration) string {
	buf := make([]byte, 2048)
	end := ""
	for range 3 {
		if _, err := conn.Write(payload); err != nil {
			return errno(err)
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		n, err := conn.Read(buf)
		switch {
		case err == nil && bytes.Equal(buf[:n], payload):
			return "ok"
		case err == nil:
			return "somebody else's answer"
		}
		if end = errno(err); end != "timeout" {
			break
		}
	}
	return end
}

func runUDPErrno(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 1, "datagrams")
	size := flags.Int("s", 10, "payload size")
	wait := flags.Duration("w", time.Second, "how long to wait after each")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	conn, err := net.Dial("udp", args[0])
	if err != nil {
		return err
	}
	defer conn.Close()
	for range *count {
		began := time.Now()
		_, err := conn.Write(make([]byte, *size))
		what := "write"
		if err == nil {
			what = "read"
			_ = conn.SetReadDeadline(time.Now().Add(*wait))
			_, err = conn.Read(make([]byte, 1<<16))
		}
		text := "answered"
		if err != nil {
			text = errno(err)
		}
		fmt.Println(what, text, time.Since(began).Round(100*time.Microsecond))
	}
	return ctx.Err()
}
