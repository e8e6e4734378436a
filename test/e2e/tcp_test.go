//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

func TestTransfers(t *testing.T) {
	needs(t, "curl")
	l := newLab(t)
	l.serve("server", "http-serve", ":80")
	for host, size := range map[string]int{serverV4: 100_000_000, "[" + serverV6 + "]": 20_000_000} {
		l.download(host, "file", size)
		l.upload(host, "file")
	}
}

func TestManyConnections(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.serve("server", "tcp-serve", ":7")
	for _, addr := range []string{serverV4 + ":7", "[" + serverV6 + "]:7"} {
		if out := l.run("laptop", "tool", "tcp-conns", "-n", "500", addr); !strings.Contains(out, "500 connections: map[ok:500]") {
			t.Errorf("%s: %s", addr, out)
		}
	}
}

// Bytes of an abandoned stream that stay charged to the link's window would hang every flow after
// some of them.
func TestAbortedDownloads(t *testing.T) {
	t.Parallel()
	needs(t, "curl")
	l := newLab(t)
	s := l.serve("server", "http-serve", ":80")
	l.run("laptop", "tool", "http-abort", "-n", "50", "http://"+serverV4+"/20000000")
	s.until("50 downloads ended at the server", 10*time.Second, func(r result) bool { return strings.Count(r.stdout, "get ended E") == 50 })
	l.download(serverV4, "file", 20_000_000)
	l.upload(serverV4, "file")
	l.poll("no flow left", 5*time.Second, func() bool {
		return !strings.Contains(l.run("connector", "cat", "/proc/net/tcp"), ":0050 01") // 01: established
	})
}
