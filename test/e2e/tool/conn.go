//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"sync"
	"time"
)

// connect reads the flags of a command whose argument is ADDRESS:PORT and connects to that.
func connect(network string, flags *flag.FlagSet, args []string) (net.Conn, error) {
	args, err := parse(flags, args, 1)
	if err != nil {
		return nil, err
	}
	return net.DialTimeout(network, args[0], 30*time.Second)
}

// dialTCP connects to addr.
func dialTCP(addr string) (*net.TCPConn, error) {
	conn, err := net.DialTimeout("tcp", addr, 30*time.Second)
	if err != nil {
		return nil, err
	}
	return conn.(*net.TCPConn), nil
}

// serveAll listens at every address, says so, and serves each until ctx ends.
func serveAll[L io.Closer](ctx context.Context, addrs []string, listen func(addr string) (L, error), serve func(L)) error {
	var all sync.WaitGroup
	for _, addr := range addrs {
		ln, err := listen(addr)
		if err != nil {
			return err
		}
		defer context.AfterFunc(ctx, func() { ln.Close() })()
		all.Go(func() { serve(ln) })
	}
	fmt.Fprintln(os.Stderr, "listening")
	all.Wait()
	return ctx.Err()
}

func listenTCP(addr string) (net.Listener, error) { return net.Listen("tcp", addr) }

// listenUDP has room for what arrives while this process waits for a processor.
func listenUDP(addr string) (*net.UDPConn, error) {
	conn, err := net.ListenPacket("udp", addr)
	if err != nil {
		return nil, err
	}
	udp := conn.(*net.UDPConn)
	_ = udp.SetReadBuffer(8 << 20)
	return udp, nil
}

// ends counts how many connections or sessions ended in which way; "ok" is the right one.
type ends struct {
	mu    sync.Mutex
	count map[string]int
}

// note counts one end. Safe for concurrent use.
func (e *ends) note(err error) {
	end := "ok"
	if err != nil {
		end = errno(err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.count == nil {
		e.count = make(map[string]int)
	}
	e.count[end]++
}

// report prints what was counted. It is an error unless all are ok.
func (e *ends) report(what string, all int) error {
	fmt.Printf("%d %s: %v\n", all, what, e.count)
	if e.count["ok"] != all {
		return errors.New("not all " + what + " had their answers")
	}
	return nil
}
