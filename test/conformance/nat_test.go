//go:build linux

package conformance

import (
	"bufio"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
	"github.com/oneping/oneping/test/program"
)

// TestNAT: what RFC 4787, RFC 5382 and RFC 5508 require of a NAT, where the comparison of
// single packets does not show it.
func TestNAT(t *testing.T) {
	t.Parallel()
	program.Needs(t, "nft", "ethtool", "ip", "ss")
	r := newRow(t, pingSockets, "--hosts", "2")
	r.scene()
	t.Run("errors end nothing", func(t *testing.T) { testErrorsEndNothing(t, r) })
	t.Run("an error does not end a connection", func(t *testing.T) { testErrorAmongData(t, r) })
	t.Run("filtering", func(t *testing.T) { testFiltering(t, r) })
	t.Run("damaged replies", func(t *testing.T) { testDamagedReplies(t, r) })
	raw := newRow(t, rawSockets)
	raw.scene()
	t.Run("raw sockets, errors end nothing", func(t *testing.T) { testErrorsEndNothing(t, raw) })
	t.Run("raw sockets, damaged replies", func(t *testing.T) { testDamagedReplies(t, raw) })
}

// testErrorsEndNothing: a query and a session go on after an ICMP error about them
// (RFC 4787 REQ-12, RFC 5508 REQ-6).
func testErrorsEndNothing(t *testing.T, r *row) {
	for _, v6 := range []bool{false, true} {
		for _, proto := range []uint8{packet.ICMP, packet.UDP} {
			x := r.exchange()
			p := probe{proto: proto, dst: places[0].addr(v6), port: portOpen, ttl: 3, size: 20, key: firstKey}
			for _, ttl := range []uint8{64, 3, 64} {
				p.ttl = ttl
				before := len(x.got(p.key))
				one := p
				if err := x.send(&one); err != nil {
					t.Fatal(err)
				}
				program.Poll(t, fmt.Sprintf("%s %s, TTL %d", protoNames[proto], version(v6), ttl), 10*time.Second, func() bool { return len(x.got(p.key)) > before })
			}
			x.stop()
			got := x.got(p.key)
			want := map[uint8]string{packet.ICMP: "echo reply", packet.UDP: "UDP"}[proto]
			if kindOf(got) != want+" and time exceeded and "+want {
				t.Errorf("%s %s: %s", protoNames[proto], version(v6), show(got))
			}
		}
	}
}

// testErrorAmongData: a router that refuses an established connection for a while does
// not end it (RFC 5382 REQ-10, RFC 1122 §4.2.3.9).
func testErrorAmongData(t *testing.T, r *row) {
	r.run("laptop", "nft", "delete table inet quiet") // the laptop's kernel takes part
	defer r.quiet()
	c, err := r.start("laptop", "nc", server4.String(), fmt.Sprint(portOpen))
	if err != nil {
		t.Fatal(err)
	}
	defer c.in.Close()
	lines := bufio.NewReader(c.out)
	talk := func(text string) {
		t.Helper()
		if _, err := fmt.Fprintln(c.in, text); err != nil {
			t.Fatal(err)
		}
	}
	hear := func(want string) {
		t.Helper()
		if line, err := lines.ReadString('\n'); err != nil || strings.TrimSpace(line) != want {
			t.Fatalf("heard %q, %v, want %q", line, err, want)
		}
	}
	talk("before")
	hear("before")
	r.run("r2", "nft", fmt.Sprintf(`add table inet away
		add chain inet away forward { type filter hook forward priority 0; }
		add counter inet away refused
		add rule inet away forward tcp dport %d counter name refused reject with icmpx type admin-prohibited`, portOpen))
	talk("through")
	program.Poll(t, "a segment is refused", 10*time.Second, func() bool {
		return !strings.Contains(r.run("r2", "nft", "list", "counter", "inet", "away", "refused"), "packets 0 ")
	})
	r.run("r2", "nft", "delete table inet away")
	hear("through")
}

// testFiltering: what the origin did not send for a session does not enter by it; the
// connector's sockets are connected (RFC 4787 REQ-8, address and port dependent).
func testFiltering(t *testing.T, r *row) {
	x := r.exchange()
	defer x.stop()
	p := probe{proto: packet.UDP, dst: server4, port: portOpen, ttl: 64, size: 20, key: firstKey + 1}
	if err := x.send(&p); err != nil {
		t.Fatal(err)
	}
	program.Poll(t, "an answer", 10*time.Second, func() bool { return len(x.got(p.key)) > 0 })
	mapped := r.mappedPort(t)
	other := "172.16.12.121" // host2
	strays := func() string {
		return r.run("connector", "awk", "/^Udp:/ { n = $3 } END { print n }", "/proc/net/snmp")
	}
	before := strays()
	for range 3 {
		r.run("host2", "tool", "inject", "-kind", "udp", "-sport", fmt.Sprint(portOpen), "-dport", mapped, other, "172.16.10.100")
		r.run("server", "tool", "inject", "-kind", "udp", "-sport", fmt.Sprint(portOpen+1), "-dport", mapped, server4.String(), "172.16.10.100")
	}
	if after := strays(); before != "0\n" || after != "6\n" {
		t.Errorf("%q datagrams met no socket before, %q after, want 6 more", before, after)
	}
	// After the true origin's next answer, theirs would have come.
	if err := x.send(&p); err != nil {
		t.Fatal(err)
	}
	program.Poll(t, "another answer", 10*time.Second, func() bool { return len(x.got(p.key)) > 1 })
	for _, a := range x.got(p.key) {
		if a.kind != "UDP" || a.value("source") != server4.String() || a.value("source port") != fmt.Sprint(portOpen) || !strings.HasPrefix(a.value("payload"), "as sent") {
			t.Errorf("entered: %s", a)
		}
	}
}

// testDamagedReplies: what is damaged on its way back is not put right (RFC 5508 REQ-3, RFC 792); a
// raw socket sees it.
func testDamagedReplies(t *testing.T, r *row) {
	const ignore = "echo %d >/proc/sys/net/ipv4/icmp_echo_ignore_all; echo %[1]d >/proc/sys/net/ipv6/icmp/echo_ignore_all"
	r.shell("server", fmt.Sprintf(ignore, 1))
	defer r.shell("server", fmt.Sprintf(ignore, 0))
	server, lines := r.exchangeOn("server", "eth0", strings.TrimSpace(r.run("r2", "cat", "/sys/class/net/to-lan/address")))
	defer server.in.Close()
	defer time.AfterFunc(30*time.Second, func() { _ = server.in.Close() }).Stop() // what waits for its lines ends, too
	x := r.exchange()
	defer x.stop()
	for i, v6 := range []bool{false, true} {
		p := probe{proto: packet.ICMP, dst: places[0].addr(v6), ttl: 64, size: 200, key: firstKey + 2 + uint16(i)} // longer than what is kept to compare with
		if err := x.send(&p); err != nil {
			t.Fatal(err)
		}
		reply := packet.AppendEchoReply(nil, awaitEcho(t, lines, &p))
		for _, bit := range []byte{1, 0x80, 0} { // of its last byte; then as it should be
			reply[len(reply)-1] ^= bit
			if _, err := fmt.Fprintf(server.in, "%x\n", reply); err != nil {
				t.Fatal(err)
			}
			reply[len(reply)-1] ^= bit
		}
		program.Poll(t, "a reply "+version(v6), 10*time.Second, func() bool { return len(x.got(p.key)) > 0 })
		if got := x.got(p.key); len(got) != 1 || got[0].value("payload") != "as sent, 200 bytes" {
			t.Errorf("%s: %s, want one reply as sent", version(v6), show(got))
		}
	}
}

// awaitEcho reads what arrives at the origin until the probe does.
func awaitEcho(t *testing.T, lines *bufio.Reader, p *probe) *packet.Packet {
	t.Helper()
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			t.Fatal(err)
		}
		_, digits, _ := strings.Cut(strings.TrimSpace(line), " in ")
		b, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		var q packet.Packet
		if packet.Parse(b, &q) == packet.OK && q.IsEchoRequest() && q.Seq == p.key && string(q.Payload()) == string(p.data()) {
			return &q
		}
	}
}

// mappedPort returns the port of the connector's socket for the session to the open port.
func (r *row) mappedPort(t *testing.T) string {
	t.Helper()
	for line := range strings.Lines(r.run("connector", "ss", "-Hun")) {
		f := strings.Fields(line)
		if i := slices.Index(f, fmt.Sprintf("%v:%d", server4, portOpen)); i > 0 {
			return f[i-1][strings.LastIndex(f[i-1], ":")+1:]
		}
	}
	t.Fatal("the connector has no socket to the open port")
	return ""
}
