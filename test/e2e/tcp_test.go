//go:build linux

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

const tunName = "oneping0" // the client's device on a laptop

// serve starts a server of the helper in a node and waits until it listens.
func (l *lab) serve(node string, argv ...string) *process {
	l.t.Helper()
	p := l.start(node, append([]string{"tool"}, argv...)...)
	p.waitFor("listening")
	return p
}

// digest returns the SHA-256 of a file.
func digest(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var digestHeader = regexp.MustCompile(`(?mi)^X-SHA256: ([0-9a-f]{64})\r?$`)

// download fetches size bytes into file with curl and compares their digest with the server's.
func (l *lab) download(host, file string, size int, flags ...string) {
	l.t.Helper()
	path := filepath.Join(l.dir, file)
	argv := append([]string{"curl", "-sS", "--max-time", "90", "-D", "-", "-o", path}, flags...)
	out := l.run("laptop", append(argv, fmt.Sprintf("http://%s/%d", host, size))...)
	info, err := os.Stat(path)
	if err != nil || info.Size() != int64(size) {
		l.t.Fatalf("download from %s: %v, %v; want %d bytes", host, info, err, size)
	}
	m := digestHeader.FindStringSubmatch(out)
	if got := digest(l.t, path); m == nil || m[1] != got {
		l.t.Errorf("download from %s: SHA-256 %s, the server sent\n%s", host, got, out)
	}
}

// upload sends a file with curl and compares its digest with what the server got.
func (l *lab) upload(host, file string, flags ...string) {
	l.t.Helper()
	path := filepath.Join(l.dir, file)
	argv := append([]string{"curl", "-sS", "--max-time", "90", "-T", path}, flags...)
	out := l.run("laptop", append(argv, "http://"+host+"/")...)
	if want := digest(l.t, path); strings.TrimSpace(out) != want {
		l.t.Errorf("upload to %s: the server got %q, want %s", host, out, want)
	}
}

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
	l := newLab(t)
	l.serve("server", "tcp-serve", ":7")
	for _, addr := range []string{serverV4 + ":7", "[" + serverV6 + "]:7"} {
		if out := l.run("laptop", "tool", "tcp-conns", "-n", "500", addr); !strings.Contains(out, "500 connections: map[ok:500]") {
			t.Errorf("%s: %s", addr, out)
		}
	}
}

// Bytes of an abandoned stream that stay charged to the link's window would hang every flow after some of them.
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

// segments returns what a capture saw of TCP to and from a port, as "who flags": app or origin, F for FIN, R
// for RST, D for data; runs of equal ones are one.
func segments(c *capture, port uint16) []string {
	c.p.l.t.Helper()
	var list []string
	for _, s := range c.stop(func(p *captured) bool { return p.ok == packet.OK && p.Class == packet.ClassTCP }) {
		who := "app"
		switch port {
		case s.SrcPort:
			who = "origin"
		case s.DstPort:
		default:
			continue
		}
		var marks []string
		if len(s.Payload()) > 0 {
			marks = append(marks, "D")
		}
		if s.TCPFlags()&packet.FlagFIN != 0 {
			marks = append(marks, "F")
		}
		if s.TCPFlags()&packet.FlagRST != 0 {
			marks = append(marks, "R")
		}
		for _, m := range marks {
			if one := who + " " + m; len(list) == 0 || list[len(list)-1] != one {
				list = append(list, one)
			}
		}
	}
	return list
}

// How a connection ends crosses as it is, and both ends' wires show it.
func TestHowConnectionsEnd(t *testing.T) {
	t.Parallel()
	needs(t, "bash")
	l := newLab(t)
	for i, c := range []struct {
		name string
		mode string   // of the server
		cmd  []string // on the laptop; PORT and HOST are replaced
		says string   // what it prints
		ends string   // what the server prints
		want string   // segments at both ends, in order
	}{
		{
			"the application closes first", "digest",
			[]string{"tool", "tcp-digest", "-n", "1000", "HOST:PORT"},
			"digests match", "ended EOF", "app D, app F, origin D, origin F",
		},
		{
			"the origin closes first", "greet",
			[]string{"bash", "-c", "exec 3<>/dev/tcp/HOST/PORT && cat <&3 && head -c 100000 /dev/zero >&3"},
			"hello", "received 100000", "origin D, origin F, app D, app F",
		},
		{
			"the origin resets", "rst",
			[]string{"tool", "tcp-errno", "HOST:PORT"},
			`read "" ECONNRESET`, "ended EOF", "app D, origin R",
		},
		{
			"the application resets", "echo",
			[]string{"tool", "tcp-errno", "-abort", "HOST:PORT"},
			"connect ok", "ended ECONNRESET", "app D, origin D, app R",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			port := 7000 + i
			server := l.serve("server", "tcp-serve", "-mode", c.mode, fmt.Sprintf(":%d", port))
			for n, host := range []string{serverV4, serverV6} {
				at := map[string]*capture{"laptop": l.capture("laptop", tunName), "server": l.capture("server", "eth0")}
				argv := make([]string, len(c.cmd))
				for i, arg := range c.cmd {
					if argv[i] = strings.NewReplacer("HOST", host, "PORT", fmt.Sprint(port)).Replace(arg); strings.Contains(argv[i], host+":") && n == 1 {
						argv[i] = fmt.Sprintf("[%s]:%d", host, port)
					}
				}
				if out := l.run("laptop", argv...); !strings.Contains(out, c.says) {
					t.Errorf("%s: the application says %q, want %q", host, out, c.says)
				}
				server.until(c.ends, 5*time.Second, func(r result) bool { return strings.Count(r.stdout, c.ends) == n+1 })
				for node, c2 := range at {
					if got := strings.Join(segments(c2, uint16(port)), ", "); got != c.want {
						t.Errorf("%s: on the wire of the %s: %s; want %s", host, node, got, c.want)
					}
				}
			}
		})
	}
}
