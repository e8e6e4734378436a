//go:build linux

package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// What was said before a reset arrives, as through Linux routers: a server that answers early and
// closes with unread bytes, and a client that says something and closes hard.
func TestLastWords(t *testing.T) {
	const tries = 40
	for name, flags := range map[string][]string{
		"near": nil,
		"far":  {"--link", "laptop-edge:delay=20ms", "--link", "edge-connector:delay=20ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, plain := newLab(t, flags...), newLab(t, append([]string{"--plain"}, flags...)...)
			for _, x := range []*lab{l, plain} {
				x.serve("server", "tcp-serve", "-mode", "early", ":80")
			}
			for _, answer := range []string{"300", "1000", "10000"} {
				got, want := l.wholeAnswers(answer, tries), plain.wholeAnswers(answer, tries)
				if t.Logf("%s bytes: %d whole answers of %d, through Linux routers %d", answer, got, tries, want); got < want-2 {
					t.Errorf("%s bytes: %d whole answers of %d, through Linux routers %d", answer, got, tries, want)
				}
			}
			for _, size := range []string{"1", "100", "1000", "10000"} {
				got, want := l.wholeWords(size, tries), plain.wholeWords(size, tries)
				if t.Logf("%s bytes before a reset: %d whole of %d, through Linux routers %d", size, got, tries, want); got < want-2 {
					t.Errorf("%s bytes before a reset: %d whole of %d, through Linux routers %d", size, got, tries, want)
				}
			}
		})
	}
}

// wholeWords returns how many messages of size bytes arrive whole that are followed by a reset at once.
func (l *lab) wholeWords(size string, tries int) int {
	l.t.Helper()
	words := l.serve("server", "tcp-serve", "-mode", "words", ":81")
	l.run("laptop", "tool", "tcp-hard", "-s", size, "-n", strconv.Itoa(tries), serverV4+":81")
	words.until("ends", 20*time.Second, func(r result) bool { return strings.Count(r.stdout, "ended ") == tries })
	r := words.interrupt()
	if n := strings.Count(r.stdout, "ended ECONNRESET"); n != tries {
		l.t.Errorf("%d of %d connections ended with a reset", n, tries)
	}
	return strings.Count(r.stdout, "words "+size+"\n")
}

func (l *lab) wholeAnswers(size string, tries int) int {
	l.t.Helper()
	out := l.run("laptop", "tool", "tcp-early", "-n", strconv.Itoa(tries), "-answer", size, serverV4+":80")
	n, err := strconv.Atoi(strings.TrimSpace(strings.TrimPrefix(out, "whole")))
	if err != nil {
		l.t.Fatal(err)
	}
	return n
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
