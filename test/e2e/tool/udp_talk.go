//go:build linux

package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"
	"sync"
	"time"
)

// talker is one UDP socket, one five-tuple, with an echo server on the other side.
type talker struct {
	conn net.Conn
	name string
	size int // of each payload at least

	mu    sync.Mutex
	sent  int
	times []int // how often each payload came back
	wrong int
}

// runUDPTalk sends numbered payloads from the same sockets all the time, and says which never came back.
func runUDPTalk(ctx context.Context, flags *flag.FlagSet, args []string) error {
	socks := flags.Int("socks", 1, "sockets")
	count := flags.Int("n", 100000, "payloads of each")
	every := flags.Duration("i", 50*time.Millisecond, "interval of one socket; they take turns, so that no two payloads share a datagram")
	size := flags.Int("s", 0, "least size of a payload, at most 2048")
	wait := flags.Duration("w", time.Second, "how long to wait after the last payload")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	all := make([]*talker, *socks)
	for i := range all {
		conn, err := net.Dial("udp", args[0])
		if err != nil {
			return err
		}
		defer conn.Close()
		all[i] = &talker{conn: conn, name: fmt.Sprintf("talker %d", i), size: *size}
	}
	var listening sync.WaitGroup
	for _, t := range all {
		listening.Go(t.listen)
	}
	ticker := time.NewTicker(*every / time.Duration(*socks))
	defer ticker.Stop()
	for i := 0; i < *count**socks && ctx.Err() == nil; i++ {
		all[i%*socks].say(i / *socks)
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	<-time.After(*wait)
	for _, t := range all {
		_ = t.conn.Close()
	}
	listening.Wait()
	return report(all)
}

// say sends payload n. An error is that of an earlier one: it counts as not answered.
func (t *talker) say(n int) {
	t.mu.Lock()
	t.sent, t.times = n+1, append(t.times, 0)
	t.mu.Unlock()
	_, _ = fmt.Fprintf(t.conn, "%-*s", t.size, fmt.Sprintf("%s %d", t.name, n))
}

func (t *talker) listen() {
	buf := make([]byte, 2048)
	for {
		k, err := t.conn.Read(buf)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error
		}
		t.heard(string(buf[:k]))
	}
}

// heard notes one answer. The answers of the first talker are printed as they come.
func (t *talker) heard(text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n int
	digits, ok := strings.CutPrefix(text, t.name+" ")
	if _, err := fmt.Sscan(digits, &n); err != nil || !ok || n < 0 || n >= t.sent {
		t.wrong++
		return
	}
	if t.times[n]++; t.name == "talker 0" {
		fmt.Println("answer", n)
	}
}

// report prints sums, and the runs of payloads that the first talker never heard again.
func report(all []*talker) error {
	var sent, answered, wrong, twice, silent, first int
	for _, t := range all {
		before := answered
		for n, times := range t.times {
			answered += min(times, 1)
			twice += max(times-1, 0)
			if n == 0 && times == 0 {
				first++
			}
		}
		if answered == before {
			silent++
		}
		sent, wrong = sent+t.sent, wrong+t.wrong
	}
	fmt.Printf("sent %d answered %d wrong %d twice %d silent %d first-lost %d gaps %s\n", sent, answered, wrong, twice, silent, first, all[0].gaps())
	if wrong+twice+silent > 0 {
		return errors.New("not every socket had its own answers, each once")
	}
	return nil
}

// gaps lists runs of lost payloads: "12-20,31-31", or "none".
func (t *talker) gaps() string {
	var runs []string
	for n := 0; n < len(t.times); n++ {
		start := n
		for n < len(t.times) && t.times[n] == 0 {
			n++
		}
		if n > start {
			runs = append(runs, fmt.Sprintf("%d-%d", start, n-1))
		}
	}
	if runs == nil {
		return "none"
	}
	return strings.Join(runs, ",")
}
