//go:build linux

package e2e

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/probe"
)

// masks take out of the output of traceroute and ping what differs from run to run.
var masks = []struct {
	times *regexp.Regexp
	mask  string
}{
	// for a name of IPv4 in the hosts file ping asks for a canonical one, which is empty
	{regexp.MustCompile(`(?m)^(PING|---)  `), "$1 server "},
	{regexp.MustCompile(`(?m)(rtt min/avg/max/mdev =) [0-9./]+ ms`), "$1 T ms"},
	{regexp.MustCompile(`[0-9.]+ ms`), "T ms"},
	{regexp.MustCompile(`time [0-9]+ms`), "time Tms"},
	{regexp.MustCompile(`(?m)^\[[0-9]+\.[0-9]{6}\]`), "[D]"},
}

// printed is how a command ended, with the times masked.
func printed(r result) string {
	text := r.stdout + r.stderr
	for _, m := range masks {
		text = m.times.ReplaceAllString(text, m.mask)
	}
	return text
}

// same wants `oneping WORD args` to print, byte for byte, what the tool prints, and to end alike. The
// machine may be too busy for one of them, and see traceTries for traceroute.
func (l *lab) same(t *testing.T, node, tool, word string, args ...string) {
	t.Helper()
	var own, real result
	for range traceTries {
		learns := slices.Contains(args, "-M") // and the other would know what the first has learnt
		var both sync.WaitGroup
		both.Go(func() { real = l.exec(node, append([]string{"timeout", "30", tool}, args...)...) })
		if learns {
			both.Wait()
			forgetMTU(node)(l)
		}
		both.Go(func() { own = l.exec(node, append([]string{"oneping", word}, args...)...) })
		both.Wait()
		if printed(own) == printed(real) && own.code == real.code {
			return
		}
	}
	t.Errorf("oneping %s %s: exit code %d\n%s\n%s: exit code %d\n%s", word, strings.Join(args, " "), own.code, printed(own), tool, real.code, printed(real))
}

func (l *lab) sameTrace(t *testing.T, node, args string) {
	t.Helper()
	l.same(t, node, "traceroute", "trace", strings.Fields(args)...)
}

func (l *lab) samePing(t *testing.T, node, args string) {
	t.Helper()
	l.same(t, node, "ping", "ping", strings.Fields(args)...)
}

// On one lab `oneping trace` and `oneping ping` print what traceroute and ping do: hops, names, marks,
// statistics and exit codes, of a whole path and of one with each fault.
func TestProbesAreTheTools(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping", "nft", "ip")
	l := newLab(t, "--laptops", "2", "--routers", "2")
	l.settle()
	for _, node := range []string{"r1", "r2", "server"} {
		l.run(node, "sh", "-ec", noRateLimit)
	}
	for _, node := range []string{"laptop", "laptop2"} { // ping sockets; TestProbesWithoutPingSockets has raw ones
		l.run(node, "sh", "-c", `echo "0 0" >/proc/sys/net/ipv4/ping_group_range`)
	}
	var rules strings.Builder
	rules.WriteString("table inet f {\nchain forward { type filter hook forward priority 0;\n")
	for _, r := range refusals {
		rules.WriteString("th dport " + r.port + " reject with " + r.say + "\n")
	}
	rules.WriteString("th dport 7099 drop\ntcp dport 7200 reject with tcp reset\n}\n}\n")
	l.run("r1", "nft", "-f", l.file("rules", rules.String()))

	for flag, row := range rows {
		server := row[4]
		t.Run("whole "+flag, func(t *testing.T) {
			for _, args := range []string{"", "-n -I", "-n -U", "-n -T", "-n -T -p 81", "-n -q 1 -f 2 -m 3 -N 1", "-I -q 2 -w 2"} {
				l.sameTrace(t, "laptop", flag+" "+args+" "+server)
			}
			for _, args := range []string{
				"-c 2 -i 0.2 " + server, "-c 1 server", "-n -c 1 server", "-q -c 2 -i 0.2 server", "-c 1 -D " + server,
				"-c 1 -s 0 server", "-c 1 -s 15 server", "-c 1 -s 3000 server", "-c 1 -Q 0x10 server", "-c 1 -w 5 server",
				"-c 1 -t 1 server", "-c 1 -t 3 server", "-c 1 -q -t 4 server", "-c 1 -I " + tunName + " server",
			} {
				l.samePing(t, "laptop", flag+" "+args)
			}
			for _, args := range []string{"127.1", "0", "::1", "localhost", "ff02::1%eth0"} {
				l.samePing(t, "laptop", "-c 1 "+args)
			}
		})
		t.Run("refused "+flag, func(t *testing.T) {
			for _, r := range refusals {
				if r.family == flag {
					l.sameTrace(t, "laptop", flag+" -n -q 1 -U -p "+r.port+" "+server)
					l.sameTrace(t, "laptop", flag+" -n -q 1 -T -p "+r.port+" "+server)
				}
			}
			l.sameTrace(t, "laptop", flag+" -n -T -p 7200 "+server)
		})
		t.Run("denied "+flag, func(t *testing.T) {
			for _, args := range []string{"-n", "-n -I", "-n -T"} {
				l.sameTrace(t, "laptop2", flag+" "+args+" -q 1 -N 4 "+server)
			}
			l.samePing(t, "laptop2", flag+" -c 1 server")
		})
		t.Run("silent "+flag, func(t *testing.T) {
			method := map[string]string{"-4": "-U", "-6": "-T"}[flag]
			l.sameTrace(t, "laptop", flag+" -n -p 7099 -w 1 -m 5 "+method+" "+server)
		})
		t.Run("too large "+flag, func(t *testing.T) {
			for _, args := range []string{"-n -F", "-n -F -I"} {
				l.sameTrace(t, "laptop", flag+" "+args+" "+server+" 1480")
			}
			l.sameTrace(t, "laptop", flag+" -n -F "+server+" 3000")
			for _, args := range []string{"-M do -s 1430", "-M do -s 3000", "-M dont -s 1430", "-M want -s 3000"} {
				forgetMTU("laptop")(l)
				l.samePing(t, "laptop", flag+" -c 1 -W 2 "+args+" server")
			}
		})
	}
	l.run("server", "nft", "-f", l.file("filter", `table inet s {
chain input { type filter hook input priority 0;
tcp dport 7300 reject with icmpx type admin-prohibited
udp dport 7300 reject with icmpx type host-unreachable
icmp type echo-request drop
icmpv6 type echo-request drop
}
}
`))
	for flag, row := range rows {
		t.Run("server filters "+flag, func(t *testing.T) {
			for _, method := range []string{"-U", "-T"} {
				l.sameTrace(t, "laptop", flag+" -n -q 1 -p 7300 "+method+" "+row[4])
			}
			l.sameTrace(t, "laptop", flag+" -n -q 1 -w 1 -m 6 -I "+row[4])
			l.samePing(t, "laptop", flag+" -c 3 -i 0.2 -W 0.5 -O server")
		})
	}
	l.stop("server")
	t.Run("no server", func(t *testing.T) { // each waits for 3 s until r2 has given up
		for flag, row := range rows {
			t.Run(flag, func(t *testing.T) {
				t.Parallel()
				l.sameTrace(t, "laptop", flag+" -n -q 1 -w 4 -m 7 "+row[4])
			})
		}
	})
	l.stop("connector")
	for flag, row := range rows {
		t.Run("no connector "+flag, func(t *testing.T) {
			for _, args := range []string{"", "-n -I", "-n -T"} { // few at a time: the edge limits its refusals
				l.sameTrace(t, "laptop", flag+" -q 1 -N 4 "+args+" "+row[4])
			}
			l.samePing(t, "laptop", flag+" -c 2 -i 0.2 server")
		})
	}
	l.stop("edge")
	for flag, row := range rows {
		t.Run("no edge "+flag, func(t *testing.T) {
			l.sameTrace(t, "laptop", flag+" -n "+row[4])
			l.samePing(t, "laptop", flag+" -c 1 server")
		})
	}
}

// Where ping sockets are closed and there is no privilege, ICMP says what opens them, and UDP and TCP
// work.
func TestProbesWithoutPingSockets(t *testing.T) {
	t.Parallel()
	needs(t, "setpriv")
	l := newLab(t)
	if l.rootless() {
		t.Skip("a user namespace of one group cannot close ping to it")
	}
	l.run("laptop", "sh", "-c", `echo "1 0" >/proc/sys/net/ipv4/ping_group_range`)
	powerless := []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all", "oneping"}
	for _, f := range families {
		for _, args := range []string{"trace -I", "ping -c 1"} {
			r := l.exec("laptop", append(append(powerless, strings.Fields(args)...), f.server)...)
			want := "oneping: error: open icmp socket: permission denied\nhint: as root: sysctl -w net.ipv4.ping_group_range=\"0 0\"; oneping trace -U and -T work without it\n"
			code := map[string]int{"trace -I": 1, "ping -c 1": 2}[args]
			if r.stdout != "" || r.stderr != want || r.code != code {
				t.Errorf("%s %s: exit code %d, want %d\n%s%s", args, f.server, r.code, code, r.stdout, r.stderr)
			}
		}
		for _, args := range []string{"trace -n -q1", "trace -n -q1 -U", "trace -n -q1 -T -p 81"} {
			r := l.exec("laptop", append(append(powerless, strings.Fields(args)...), f.server)...)
			wantHops(t, args, hops(r.stdout), f.edge, f.connector, f.server)
		}
		// with the privilege a raw socket takes its place
		r := l.exec("laptop", "oneping", "trace", "-n", "-q1", "-I", f.server)
		wantHops(t, "raw", hops(r.stdout), f.edge, f.connector, f.server)
		wantReplies(t, "raw", l.exec("laptop", "oneping", "ping", "-n", "-c2", "-i0.2", f.server), 2)
	}
}

// SIGQUIT shows how it goes and ends nothing; SIGINT ends with the statistics, and code 0 where a reply
// came.
func TestPingSignals(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--bare")
	p := l.start("laptop", "oneping", "ping", "-i", "0.05", "127.0.0.1")
	p.waitFor("icmp_seq=2 ")
	p.signal(syscall.SIGQUIT)
	p.until("status", 10*time.Second, func(r result) bool {
		return regexp.MustCompile(`(?m)^\r?\d+/\d+ packets, 0% loss, min/avg/ewma/max = [0-9./]+ ms$`).MatchString(r.stderr)
	})
	p.signal(syscall.SIGINT)
	if r := p.wait(10 * time.Second); r.code != 0 || !strings.Contains(r.stdout, "--- 127.0.0.1 ping statistics ---\n") || !strings.Contains(r.stdout, ", 0% packet loss, ") {
		t.Errorf("exit code %d\n%s%s", r.code, r.stdout, r.stderr)
	}
}

// What programs read: one object of trace, a line an event of ping.
func TestProbesAsJSON(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, f := range families {
		var got probe.TraceJSON
		l.json("laptop", &got, "oneping", "trace", "--json", "-q", "1", f.server)
		want := []string{"1 edge " + f.edge, "2 connector " + f.connector, "3 server " + f.server}
		var hops []string
		for _, h := range got.Hops {
			for _, p := range h.Probes {
				hops = append(hops, string('0'+h.TTL)+" "+p.Name+" "+p.Address)
			}
		}
		wantHops(t, "trace --json", hops, want...)
		if !got.Reached || got.Method != "udp" || got.Address.String() != f.server || got.MaxHops != 30 {
			t.Errorf("trace --json: %+v", got)
		}
		type event struct {
			Event, Address, Name, Text string
			Seq, TTL, Bytes            int
			Sent, Received, Errors     int
			Loss                       float64 `json:"loss_percent"`
			Type, Code                 int
			MS                         float64
		}
		r := l.exec("laptop", "oneping", "ping", "--json", "-c", "1", f.server)
		var events []event
		for line := range strings.Lines(r.stdout) {
			var e event
			if err := json.Unmarshal([]byte(line), &e); err != nil {
				t.Fatalf("%v: %s", err, line)
			}
			e.MS = 0
			events = append(events, e)
		}
		if len(events) != 2 || r.code != 0 ||
			events[0] != (event{Event: "reply", Address: f.server, Seq: 1, TTL: 62, Bytes: 64}) ||
			events[1] != (event{Event: "statistics", Sent: 1, Received: 1}) {
			t.Errorf("ping --json: exit code %d\n%s", r.code, r.stdout)
		}
	}
}
