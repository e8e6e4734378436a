//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"sync"
	"time"
)

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
	var counted ends
	var all sync.WaitGroup
	ticker := time.NewTicker(*every)
	defer ticker.Stop()
	for i, conn := range conns {
		<-ticker.C
		all.Go(func() {
			counted.note(session(conn, fmt.Appendf(nil, "session %d from %v", i, conn.LocalAddr()), *wait))
		})
	}
	all.Wait()
	if err := counted.report("sessions", *count); err != nil {
		return err
	}
	return ctx.Err()
}

// session asks as a resolver does: again where no answer comes.
func session(conn net.Conn, payload []byte, wait time.Duration) error {
	buf := make([]byte, 2048)
	var end error
	for range 3 {
		if _, err := conn.Write(payload); err != nil {
			return err
		}
		_ = conn.SetReadDeadline(time.Now().Add(wait))
		n, err := conn.Read(buf)
		switch {
		case err == nil && bytes.Equal(buf[:n], payload):
			return nil
		case err == nil:
			return errors.New("somebody else's answer")
		}
		if end = err; errno(err) != "timeout" {
			break
		}
	}
	return end
}
