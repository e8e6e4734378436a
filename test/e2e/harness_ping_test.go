//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// pingFor is the command line of a ping that waits for count replies, for 20 s at most. Without a
// deadline ping leaves after twice the longest round trip so far, and the last reply, which a busy
// machine delays, counts as lost.
func pingFor(count int, args ...string) []string {
	return append([]string{"ping", "-n", "-c", fmt.Sprint(count), "-w", "20"}, args...)
}

var pingReply = regexp.MustCompile(`(?m)^\d+ bytes from .* icmp_seq=(\d+) `)

// wantReplies wants exactly one reply to each of the first count requests of a ping. A request that
// follows while the last reply is on its way may stay without.
func wantReplies(t testing.TB, what string, r result, count int) {
	t.Helper()
	wantRepliesBut(t, what, r, count, 0)
}

// wantRepliesBut is wantReplies where so many requests may stay without a reply.
func wantRepliesBut(t testing.TB, what string, r result, count, lost int) {
	t.Helper()
	replies := make(map[string]int)
	for _, m := range pingReply.FindAllStringSubmatch(r.stdout, -1) {
		replies[m[1]]++
	}
	for seq := 1; seq <= count; seq++ {
		n := replies[fmt.Sprint(seq)]
		if n == 0 && lost > 0 {
			lost--
			continue
		}
		if n != 1 {
			t.Errorf("%s: exit code %d, %d replies to request %d\n%s%s", what, r.code, n, seq, r.stdout, r.stderr)
			return
		}
	}
	if r.code != 0 {
		t.Errorf("%s: exit code %d\n%s%s", what, r.code, r.stdout, r.stderr)
	}
}

// ping runs ping in a node and fails unless every packet was answered.
func (l *lab) ping(node string, count int, args ...string) string {
	l.t.Helper()
	argv := pingFor(count, args...)
	r := l.exec(node, argv...)
	wantReplies(l.t, strings.Join(argv, " "), r, count)
	return r.stdout
}

// linked waits until the client has a link and a ping crosses, and returns how long that took.
func (l *lab) linked(within time.Duration) time.Duration {
	l.t.Helper()
	began := time.Now()
	l.poll("a ping crosses", within, func() bool { return l.exec("laptop", "ping", "-n", "-c1", "-W1", serverV4).code == 0 })
	return time.Since(began)
}

// steady is a ping that says of each request whether it was answered.
type steady struct{ p *process }

var steadyLine = regexp.MustCompile(`(?m)^\[(\d+\.\d+)\] .*icmp_seq=(\d+)(.*)$`)

func (l *lab) steadyPing(dst string) *steady {
	l.t.Helper()
	s := &steady{l.start("laptop", "ping", "-n", "-D", "-i", "0.02", dst)}
	s.p.waitFor("icmp_seq=20 ")
	return s
}

// answers returns the sequence numbers answered and when.
func (s *steady) answers() (at map[int]time.Time, last int) {
	at = make(map[int]time.Time)
	for _, m := range steadyLine.FindAllStringSubmatch(s.p.output().stdout, -1) {
		seq, _ := strconv.Atoi(m[2])
		sec, err := strconv.ParseFloat(m[1], 64)
		if err == nil && strings.Contains(m[3], "ttl=") {
			at[seq], last = time.UnixMicro(int64(sec*1e6)), max(last, seq)
		}
	}
	return at, last
}

// back waits for an answer to a request that left two seconds after a moment.
func (s *steady) back(moment time.Time) {
	s.p.l.t.Helper()
	s.p.until("answers", 20*time.Second, func(result) bool {
		at, last := s.answers()
		return at[last].After(moment.Add(2 * time.Second))
	})
}

// lost returns how many were not answered, of those before the last that was.
func (s *steady) lost() (n, of int) {
	at, last := s.answers()
	for seq := 1; seq < last; seq++ {
		if _, ok := at[seq]; !ok {
			n++
		}
	}
	return n, last
}

var roundTrip = regexp.MustCompile(` time=([0-9.]+) ms`)

// wantUnhurt wants every request of a ping answered. A machine that is too busy stops a node for
// longer than its sockets hold what a sweep sends meanwhile: the round trips say so, and then one
// request in twenty may be lost.
func wantUnhurt(t testing.TB, what string, r result, count int) {
	t.Helper()
	replies, slowest := roundTrip.FindAllStringSubmatch(r.stdout, -1), 0.0
	for _, m := range replies {
		ms, _ := strconv.ParseFloat(m[1], 64)
		slowest = max(slowest, ms)
	}
	if slowest < 200 || len(replies) < count-count/20 {
		wantReplies(t, what, r, count)
		return
	}
	t.Logf("%s: %d of %d answered, on a machine that stood still for %.0f ms", what, len(replies), count, slowest)
}
