//go:build linux

// Command tool is what the end-to-end tests run in the nodes of a lab beside the real tools:
// servers whose answers can be checked, load, forged packets, meters. `tool help` lists it all.
//
// What a test waits for is on standard error ("listening", "capturing"), results are on standard
// output; the exit code is 1 when something was not as it should be.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"text/tabwriter"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, os.Args[1:]))
}

func run(ctx context.Context, args []string) int {
	if len(args) == 0 || args[0] == "help" {
		return usage(os.Stdout)
	}
	for _, g := range groups() {
		for _, c := range g.commands {
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
	fmt.Fprintf(os.Stderr, "tool: no command %q\n", args[0])
	usage(os.Stderr)
	return 2
}

// usage lists the commands by group.
func usage(w io.Writer) int {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "usage: tool COMMAND …")
	for _, g := range groups() {
		fmt.Fprintf(table, "\n%s\n", g.title)
		for _, c := range g.commands {
			fmt.Fprintf(table, "  %s %s\t%s\n", c.name, c.args, c.does)
		}
	}
	if err := table.Flush(); err != nil {
		return 1
	}
	return 0
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
