//go:build linux

package e2e

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// An open connection keeps what its SYN had: the TTL that is left of it stands in every segment that
// reaches the server, as through Linux routers (BGP's TTL security asks for that, RFC 5082). A segment
// of it that expires at the edge is answered by it. A traffic class that its application chooses
// later reaches the server, too, as ssh does it. And it is left alone: no timer runs on the
// connector's socket, so that it lives through any outage of its site (RFC 9293 §3.8.4), until its
// application itself asks for keep-alives. An urgent byte is a byte: it is echoed.
func TestOpenConnection(t *testing.T) {
	t.Parallel()
	l, plain := newLab(t), newLab(t, "--plain")
	for _, x := range []*lab{l, plain} {
		x.serve("server", "tcp-serve", ":7")
	}
	for _, f := range families {
		addr := l.hostPort(f.server, "7")
		got, want := l.openLooks(f, addr), plain.openLooks(f, addr)
		if !slices.Equal(got, want) || !slices.Equal(got, []look{{ttl: 253}, {253, 0xb8}}) {
			t.Errorf("%s: at the server %+v, through Linux routers %+v", f.flag, got, want)
		}
		wire := l.capture("laptop", tunName)
		open := l.start("laptop", "tool", "tcp-open", "-once", "1", "-urgent", addr)
		open.waitFor("open")
		l.poll("a connection of the connector without a timer", 5*time.Second, func() bool {
			return slices.Equal(l.tcpTimers(f), []string{"00:00000000"})
		})
		open.interrupt()
		asking := l.start("laptop", "tool", "tcp-open", "-alive", addr)
		l.poll("keep-alives of the connector", 10*time.Second, func() bool {
			timers := l.tcpTimers(f)
			return len(timers) == 1 && strings.HasPrefix(timers[0], "02:")
		})
		asking.interrupt()
		expired := wire.stop(func(p *captured) bool {
			typ, code := packet.TimeExceeded.TypeCode(f.flag == "-6")
			return p.ok == packet.OK && p.Class == packet.ClassICMP && p.Type == typ && p.Code == code
		})
		// A busy machine may repeat the segment before its TTL is another one.
		if len(expired) == 0 || slices.ContainsFunc(expired, func(p captured) bool { return p.Src.String() != f.edge }) {
			t.Errorf("%s: a segment with TTL 1 was answered by %v, want the edge", f.flag, expired)
		}
	}
}

// look is what a segment's IP header says beside addresses.
type look struct{ ttl, tos uint8 }

// openLooks returns in which different ways the segments of a connection reach the server, in order,
// that left the laptop with TTL 255 and, its last byte, with traffic class EF.
func (l *lab) openLooks(f family, addr string) (looks []look) {
	l.t.Helper()
	wire := l.capture("server", "eth0")
	open := l.start("laptop", "tool", "tcp-open", "-ttl", "255", "-class", "184", addr)
	open.waitFor("open")
	open.interrupt()
	server := netip.MustParseAddr(f.server)
	l.poll("the end of the connection", 5*time.Second, func() bool {
		return slices.ContainsFunc(wire.packets(), func(p captured) bool {
			return p.ok == packet.OK && p.Class == packet.ClassTCP && p.Dst == server && p.TCPFlags()&(packet.FlagFIN|packet.FlagRST) != 0
		})
	})
	for _, p := range wire.stop(func(p *captured) bool { return p.ok == packet.OK && p.Class == packet.ClassTCP && p.Dst == server }) {
		if one := (look{p.TTL, p.TOS}); !slices.Contains(looks, one) {
			looks = append(looks, one)
		}
	}
	return looks
}

// tcpTimers returns the timers of the connector's established connections to port 7: "tr tm->when"
// of /proc/net/tcp, of which 00 is none and 02 that of keep-alives.
func (l *lab) tcpTimers(f family) (timers []string) {
	l.t.Helper()
	table := map[string]string{"-4": "/proc/net/tcp", "-6": "/proc/net/tcp6"}[f.flag]
	for line := range strings.Lines(l.run("connector", "cat", table)) {
		if fields := strings.Fields(line); strings.HasSuffix(fields[2], ":0007") && fields[3] == "01" {
			timers = append(timers, fields[5])
		}
	}
	return timers
}

// A source port that is used again behind a reset costs no second: no SYN is sent twice.
func TestPortUsedAgain(t *testing.T) {
	t.Parallel()
	const tries, port = 20, 40123
	l := newLab(t)
	l.serve("server", "tcp-serve", ":7")
	wire := l.capture("laptop", tunName)
	if out := l.run("laptop", "tool", "tcp-again", "-n", strconv.Itoa(tries), "-port", strconv.Itoa(port), serverV4+":7"); out != "connections 20\n" {
		t.Error(out)
	}
	seen := make(map[uint32]int)
	for _, p := range wire.stop(func(p *captured) bool { return p.ok == packet.OK && p.SrcPort == port && p.IsSYN() }) {
		seen[p.TCPSeq()]++
	}
	again := 0
	for _, n := range seen {
		again += n - 1
	}
	if len(seen) != tries || again > tries/4 { // a busy machine may be late with an answer
		t.Errorf("%d SYNs, %d of them repeated, for %d connections", len(seen), again, tries)
	}
}

// A scan of ports that do not answer takes what there is for SYNs, and keeps neither connections to
// the scanned host out nor those to another.
func TestScanKeepsNobodyOut(t *testing.T) {
	t.Parallel()
	needs(t, "nft")
	l := newLab(t, "--hosts", "2")
	l.run("server", "nft", "-f", l.file("filter", `table inet filter {
	chain input { type filter hook input priority 0; tcp dport 10000-19999 drop; }
}
`))
	for _, host := range []string{"server", "host2"} {
		l.serve(host, "tcp-serve", ":7")
	}
	scan := l.start("laptop", "tool", "tcp-scan", "-n", "3000", "-from", "10000", serverV4)
	scan.waitFor("scanning")
	for _, host := range []string{serverV4, host2V4, serverV4, host2V4} {
		if out := l.run("laptop", "tool", "tcp-conns", "-n", "20", host+":7"); out != "20 connections: map[ok:20]\n" {
			t.Errorf("%s beside the scan: %s", host, out)
		}
	}
	var s struct {
		Opening int `json:"tcp_opening"`
		Reasons map[string]uint64
	}
	l.json("laptop", &s, "oneping", "client", "status", "--json")
	if s.Opening == 0 || s.Opening > 2048 || s.Reasons["superseded"] == 0 || s.Reasons["table full"] != 0 {
		t.Errorf("%d SYNs wait, counted %v; want at most 2048, and some superseded", s.Opening, s.Reasons)
	}
	for node, role := range map[string]string{"edge": "edge", "connector": "connector"} {
		s.Reasons = nil
		l.json(node, &s, "oneping", role, "status", "--json")
		if s.Reasons["table full"] != 0 || s.Reasons["link down"] != 0 || s.Reasons["malformed"] != 0 {
			t.Errorf("%s counted %v", node, s.Reasons)
		}
	}
}

// Port 0 is a port like any other on the way, and a closed one at its end.
func TestPortZero(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	for _, f := range families {
		addr := l.hostPort(f.server, "0")
		if end, _ := l.connect("laptop", addr); end != "ECONNREFUSED" {
			t.Errorf("TCP %s: %s, want ECONNREFUSED", addr, end)
		}
		if out := l.run("laptop", "tool", "udp-errno", addr); !strings.Contains(out, "ECONNREFUSED") {
			t.Errorf("UDP %s: %s, want ECONNREFUSED", addr, out)
		}
	}
}

// A command of the lab that cannot be started ends as in a shell.
func TestLabNamesWhatIsNotThere(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--bare")
	for _, c := range []struct {
		command string
		code    int
		says    string
	}{
		{"no-such-command", 127, "oneping: error: no-such-command: command not found\nhint: "},
		{"/etc/passwd", 126, "oneping: error: start /etc/passwd: permission denied\n"},
	} {
		if r := l.exec("laptop", c.command); r.code != c.code || !strings.HasPrefix(r.stderr, c.says) {
			t.Errorf("%s: exit code %d, want %d\n%s", c.command, r.code, c.code, r.stderr)
		}
	}
}

// What a connector without privileges cannot keep of what was asked of it stands in its status.
func TestConnectorNamesItsLimits(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.serve("server", "tcp-serve", ":7")
	if out := l.run("connector", "oneping", "connector", "status"); strings.Contains(out, "limits") {
		t.Errorf("nothing was asked for:\n%s", out)
	}
	l.run("laptop", "tool", "tcp-again", "-n", "2", "-port", "600", serverV4+":7")
	l.run("laptop", "tool", "udp-errno", serverV4+":69")
	const want = "limits    2 sessions from a port below 1024, which left from another; 1 session of TFTP, whose answers come from another port and are lost\n" +
		"          hint: a connector without privileges cannot do that: docs/unprivileged.md\n"
	if out := l.run("connector", "oneping", "connector", "status"); !strings.Contains(out, want) {
		t.Errorf("want\n%s\ngot\n%s", want, out)
	}
	var s struct{ Unkept map[string]int }
	l.json("connector", &s, "oneping", "connector", "status", "--json")
	if s.Unkept["source_port"] != 2 || s.Unkept["answer_from_elsewhere"] != 1 {
		t.Errorf("JSON says %v", s.Unkept)
	}
}
