//go:build linux

package main

import (
	"context"
	"encoding/binary"
	"flag"
	"fmt"
	"net"
	"os"
	"time"
)

// orderQuiet ends a burst: nothing came for so long.
const orderQuiet = time.Second

// burst writes n numbered payloads of alternating sizes at once.
func burst(n int, write func([]byte) error) error {
	for i := range n {
		b := make([]byte, 60+1140*(i%2))
		binary.BigEndian.PutUint32(b, uint32(i))
		if err := write(b); err != nil {
			return err
		}
	}
	return nil
}

// order counts payloads that came behind one with a higher number.
type order struct{ received, late, highest int }

func (o *order) note(b []byte) {
	n := int(binary.BigEndian.Uint32(b))
	o.received++
	if n < o.highest {
		o.late++
	}
	o.highest = max(o.highest, n)
}

func (o *order) String() string { return fmt.Sprintf("%d received, %d late", o.received, o.late) }

// runUDPOrderServe prints in which order a burst came, and answers it with one of its own.
func runUDPOrderServe(ctx context.Context, flags *flag.FlagSet, args []string) error {
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	conn, err := listenUDP(args[0])
	if err != nil {
		return err
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	fmt.Fprintln(os.Stderr, "listening")
	var o order
	b := make([]byte, 2048)
	var from net.Addr
	for {
		n, addr, err := conn.ReadFrom(b)
		switch {
		case err == nil && n >= 4:
			from = addr
			o.note(b[:n])
			_ = conn.SetReadDeadline(time.Now().Add(orderQuiet))
			continue
		case err == nil:
			continue
		case !os.IsTimeout(err):
			return ctx.Err()
		}
		fmt.Println("up:", o.String())
		sent := o.received
		o = order{}
		_ = conn.SetReadDeadline(time.Time{})
		if err := burst(sent, func(p []byte) error { _, err := conn.WriteTo(p, from); return err }); err != nil {
			return err
		}
	}
}

// runUDPOrder sends a burst through a session that stands, and prints in which order the answering
// burst comes.
func runUDPOrder(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 400, "payloads")
	conn, err := connect("udp", flags, args)
	if err != nil {
		return err
	}
	defer conn.Close()
	_ = conn.(*net.UDPConn).SetReadBuffer(4 << 20)
	var o order
	for _, n := range []int{1, *count} { // the first one opens the session
		o = order{}
		if err := burst(n, func(p []byte) error { _, err := conn.Write(p); return err }); err != nil {
			return err
		}
		b := make([]byte, 2048)
		wait := 10 * time.Second
		for {
			_ = conn.SetReadDeadline(time.Now().Add(wait))
			m, err := conn.Read(b)
			if os.IsTimeout(err) {
				break
			}
			if err != nil {
				return err
			}
			o.note(b[:m])
			wait = orderQuiet
		}
	}
	fmt.Println("down:", o.String())
	return ctx.Err()
}
