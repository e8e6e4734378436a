//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"time"

	"github.com/creack/pty"
)

// runKeystrokes measures what a person feels: the time from a key to its echo. The
// command has to print "ready" first and then echo (ssh -t HOST 'echo ready; cat').
func runKeystrokes(ctx context.Context, flags *flag.FlagSet, args []string) error {
	count := flags.Int("n", 200, "keys")
	every := flags.Duration("i", 20*time.Millisecond, "between two keys, at least")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, args[0], args[1:]...)
	terminal, err := pty.Start(cmd)
	if err != nil {
		return err
	}
	defer func() {
		_ = cmd.Process.Kill() // closing the terminal does not free its reader
		_ = cmd.Wait()
		terminal.Close()
	}()
	got := make(chan byte, 4096)
	go func() {
		defer close(got)
		buf := make([]byte, 4096)
		for {
			n, err := terminal.Read(buf)
			for _, b := range buf[:n] {
				got <- b
			}
			if err != nil {
				return
			}
		}
	}()
	if err := await(got, "ready", 30*time.Second); err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "typing")
	times := make([]time.Duration, 0, *count)
	ticker := time.NewTicker(*every)
	defer ticker.Stop()
	for i := range *count {
		<-ticker.C
		key := string(rune('a' + i%26))
		began := time.Now()
		if _, err := terminal.WriteString(key); err != nil {
			return err
		}
		if err := await(got, key, 10*time.Second); err != nil {
			return fmt.Errorf("key %d: %w", i, err)
		}
		times = append(times, time.Since(began))
	}
	if len(times) == 0 {
		return errors.New("nothing was typed")
	}
	fmt.Printf("%d keys: %s\n", len(times), percentiles(times))
	return nil
}

// await reads until text has come.
func await(got <-chan byte, text string, within time.Duration) error {
	timer := time.NewTimer(within)
	defer timer.Stop()
	var seen []byte
	for {
		select {
		case b, ok := <-got:
			if !ok {
				return fmt.Errorf("the command ended; it said %q", seen)
			}
			seen = append(seen, b)
			if len(seen) >= len(text) && string(seen[len(seen)-len(text):]) == text {
				return nil
			}
		case <-timer.C:
			return errors.New("no echo; seen " + string(seen))
		}
	}
}
