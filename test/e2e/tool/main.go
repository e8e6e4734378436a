//go:build linux

// Command tool is what the end-to-end tests run in the nodes of a lab beside the real
// tools: servers whose answers can be checked, load, forged packets, meters.
// What it waits for is on standard error ("listening", "capturing"), results are on
// standard output; the exit code is 1 when something was not as it should be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// command is one subcommand. It parses its own flags from args.
type command struct {
	name, usage string
	run         func(ctx context.Context, flags *flag.FlagSet, args []string) error
}

func commands() []command {
	return []command{
		{"capture", "DEVICE                  print every IP packet: nanoseconds, in or out, hex", runCapture},
		{"inject", "[flags] SRC DST          send packets made by hand through a raw socket", runInject},
		{"exchange", "[-to MAC] DEVICE       send the packets of standard input, byte for byte; print what comes in until it ends", runExchange},
		{"ping", "[-ident N] [-n N] DST      pings with a chosen identifier, each reply checked", runPing},
		{"paris", "[-m TTL] [-q N] ADDR      a traceroute of one five-tuple and payload, all probes at once", runParis},
		{"udp-echo", "ADDR…                  answer every datagram with itself", runUDPEcho},
		{"udp-ask", "[-sizes N,…] ADDR        one datagram a size, each answer compared", runUDPAsk},
		{"udp-sessions", "[-n N] ADDR         N sockets at once, one datagram each, each answer compared", runUDPSessions},
		{"udp-talk", "[-socks N] [-s N] ADDR  numbered payloads from the same sockets all the time; what was lost", runUDPTalk},
		{"udp-order", "[-n N] ADDR           a burst of large and small payloads, and one back; in which order they came", runUDPOrder},
		{"udp-order-serve", "ADDR            its server", runUDPOrderServe},
		{"udp-mtu", "ADDR                     the path MTU as a UDP application finds it, at an echo server", runUDPMTU},
		{"sizes", "[-proto P] [-sizes S] ADDR   one echo or datagram of each size, many in flight; what was lost", runSizes},
		{"udp-errno", "[-n N] ADDR            what a connected UDP socket is told", runUDPErrno},
		{"tcp-serve", "[-mode M] ADDR…        echo, digest (of all until EOF), greet (and half-close), rst, endless, deaf, early, words", runTCPServe},
		{"tcp-hold", "[-n N] [-up] ADDR       connections that nobody reads, until it is ended", runTCPHold},
		{"tcp-early", "[-answer N] ADDR       uploads that are answered while they run; how many answers came whole", runTCPEarly},
		{"tcp-hard", "[-s BYTES] ADDR         says something and resets right behind it", runTCPHard},
		{"tcp-echoes", "[-n N] ADDR           times connecting, then bytes and their echoes", runTCPEchoes},
		{"tcp-digest", "[-n BYTES] ADDR       send, half-close, compare the digest that comes back", runTCPDigest},
		{"tcp-errno", "[-abort] ADDR          how connecting, then reading, ends", runTCPErrno},
		{"tcp-conns", "[-n N] ADDR            N connections open at once, each echo compared", runTCPConns},
		{"http-serve", "ADDR…                 GET /N: N bytes, SHA-256 in a header; PUT: SHA-256 of the body", runHTTPServe},
		{"http-abort", "[-n N] URL            start N downloads at once and drop each after 64 KiB", runHTTPAbort},
		{"hostile", "[flags] MODE …            an enrolled node without manners: session, steal, flood, forge, pour", runHostile},
		{"routes", "[-n N] TUNNEL           add N routes to a tunnel, one by one, by the edge's local socket", runRoutes},
		{"attack", "[flags] MODE               make an edge keep what nobody reads: enrolmem, linkmem, halfopen", runAttack},
		{"resign", "-ends D EDGEDIR NODEDIR    give a node a certificate with another end, or of another edge", runResign},
		{"keystrokes", "[-n N] -- CMD…        type into CMD on a terminal, time each echo", runKeystrokes},
	}
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	if len(args) > 0 {
		for _, c := range commands() {
			if c.name != args[0] {
				continue
			}
			flags := flag.NewFlagSet("tool "+c.name, flag.ContinueOnError)
			err := c.run(ctx, flags, args[1:])
			if err == nil || ctx.Err() != nil && errors.Is(err, context.Canceled) {
				return 0
			}
			fmt.Fprintln(os.Stderr, "tool", c.name+":", err)
			return 1
		}
	}
	fmt.Fprintln(os.Stderr, "usage: tool COMMAND …")
	for _, c := range commands() {
		fmt.Fprintf(os.Stderr, "  %s %s\n", c.name, c.usage)
	}
	return 2
}

// parse reads flags and wants at least least arguments behind them.
func parse(flags *flag.FlagSet, args []string, least int) ([]string, error) {
	if err := flags.Parse(args); err != nil {
		return nil, err
	}
	if flags.NArg() < least {
		return nil, fmt.Errorf("want at least %d arguments", least)
	}
	return flags.Args(), nil
}

// errno names the system error inside err, or returns its text.
func errno(err error) string {
	var n syscall.Errno
	var timeout interface{ Timeout() bool }
	switch {
	case errors.As(err, &n):
		return errnoName(n)
	case errors.As(err, &timeout) && timeout.Timeout():
		return "timeout"
	}
	return err.Error()
}
