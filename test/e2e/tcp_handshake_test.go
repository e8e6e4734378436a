//go:build linux

package e2e

import (
	"encoding/binary"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

var (
	pingTimes   = regexp.MustCompile(`rtt min/avg/max/mdev = ([0-9.]+)/`)
	connectLine = regexp.MustCompile(`(?m)^connect (\S+) (\S+)$`)
)

// connect connects from a node and returns how that ended, and when.
func (l *lab) connect(node, addr string) (end string, took time.Duration) {
	l.t.Helper()
	out := l.run(node, "tool", "tcp-errno", addr)
	m := connectLine.FindStringSubmatch(out)
	if m == nil {
		l.t.Fatalf("tcp-errno %s: %s", addr, out)
	}
	took, err := time.ParseDuration(m[2])
	if err != nil {
		l.t.Fatal(err)
	}
	return m[1], took
}

// On a path of 200 ms the reset of a closed port takes one round trip, not two.
func TestRefusedWithinARoundTrip(t *testing.T) {
	needs(t, "ping")
	l := newLab(t, "--link", "laptop-edge:delay=100ms")
	for ping, addr := range map[string]string{serverV4: serverV4 + ":81", serverV6: "[" + serverV6 + "]:81"} {
		m := pingTimes.FindStringSubmatch(l.ping("laptop", 3, "-i", "0.2", ping))
		if m == nil {
			t.Fatal("no times of ping")
		}
		ms, _ := strconv.ParseFloat(m[1], 64)
		rtt := time.Duration(ms * float64(time.Millisecond))
		best := time.Hour
		for range 3 { // the machine may be busy with something else
			end, took := l.connect("laptop", addr)
			if end != "ECONNREFUSED" {
				t.Errorf("%s: %s, want ECONNREFUSED", addr, end)
			}
			best = min(best, took)
		}
		if rtt < 200*time.Millisecond || best > rtt*3/2 {
			t.Errorf("%s: refused after %v, a round trip takes %v", addr, best, rtt)
		}
	}
}

// Nobody has the address. The connector's kernel tells itself so, on its
// loopback, when it gives up; that is the moment of which the laptop hears within a second.
func TestUnreachableNeighbour(t *testing.T) {
	l := newLab(t)
	for addr, reporter := range map[string]string{"172.16.10.130:80": connectorV4, "[fd6f:6e65:7069:10::130]:80": connectorV6} {
		knows, hears := l.capture("connector", "lo"), l.capture("laptop", tunName)
		if end, _ := l.connect("laptop", addr); end != "EHOSTUNREACH" {
			t.Errorf("%s: %s, want EHOSTUNREACH", addr, end)
		}
		unreachable := func(p *captured) bool { // of this family: the other one's last SYN may still be answered
			return p.ok == packet.OK && p.V6 == strings.Contains(addr, "[") && p.IsICMPError() && !p.out
		}
		own := knows.stop(unreachable)
		told := hears.stop(unreachable)
		if len(own) == 0 || len(told) == 0 {
			t.Errorf("%s: %v on the connector, %v on the laptop", addr, own, told)
			continue
		}
		if told[0].Src.String() != reporter {
			t.Errorf("%s: the error comes from %v, want %s", addr, told[0].Src, reporter)
		}
		if late := told[0].at.Sub(own[0].at); late > time.Second {
			t.Errorf("%s: the laptop heard %v after the connector", addr, late)
		}
	}
}

// timestamps returns the TCP timestamp option of a segment.
func timestamps(p *captured) (val, echo uint32, ok bool) {
	t := p.Transport()
	for opts := t[20 : int(t[12]>>4)*4]; len(opts) > 0; {
		switch {
		case opts[0] == 1:
			opts = opts[1:]
			continue
		case len(opts) < 2 || opts[1] < 2 || int(opts[1]) > len(opts):
			return 0, 0, false
		case opts[0] == 8 && opts[1] == 10:
			return binary.BigEndian.Uint32(opts[2:]), binary.BigEndian.Uint32(opts[6:]), true
		}
		opts = opts[opts[1]:]
	}
	return 0, 0, false
}

func timestamp(p *captured) uint32 {
	val, _, _ := timestamps(p)
	return val
}

var rtoField = regexp.MustCompile(`\brto:(\d+)`)

// An origin that answers the fourth SYN only: the connection is completed with the newest SYN of the
// application, or its kernel would take the seconds of waiting for the round trip.
func TestHeldHandshake(t *testing.T) {
	t.Parallel()
	needs(t, "ip", "ss")
	l := newLab(t)
	l.serve("server", "tcp-serve", ":7")
	isSYN := func(p *captured) bool {
		return p.ok == packet.OK && p.Class == packet.ClassTCP && p.TCPFlags()&packet.FlagSYN != 0
	}
	l.run("server", "ip", "route", "add", "blackhole", connectorV4+"/32") // no SYN-ACK leaves
	c := l.capture("laptop", tunName)
	app := l.start("laptop", "tool", "tcp-errno", serverV4+":7")
	l.poll("three SYNs", 10*time.Second, func() bool {
		n := 0
		for _, p := range c.packets() {
			if isSYN(&p) {
				n++
			}
		}
		return n >= 3
	})
	l.run("server", "ip", "route", "del", "blackhole", connectorV4+"/32")
	app.until("connected", 20*time.Second, func(r result) bool { return strings.Contains(r.stdout, "connect ok") })
	info := l.run("laptop", "ss", "-tinH", "dst", serverV4)
	m := rtoField.FindStringSubmatch(info)
	if m == nil {
		t.Fatalf("ss: %s", info)
	}
	rto, _ := strconv.Atoi(m[1])
	var syns []captured
	for _, p := range c.stop(isSYN) {
		if p.out {
			syns = append(syns, p)
			continue
		}
		if held := p.at.Sub(syns[0].at); held < 2900*time.Millisecond {
			t.Errorf("held for %v only", held)
		}
		_, echo, _ := timestamps(&p)
		// One that left in the same moment as the SYN-ACK came was too late.
		if n := len(syns) - 1; p.at.Sub(syns[n].at) < 5*time.Millisecond && echo != timestamp(&syns[n]) {
			syns = syns[:n]
		}
		newest := &syns[len(syns)-1]
		age := p.at.Sub(newest.at)
		if val := timestamp(newest); echo != val {
			t.Errorf("the SYN-ACK echoes timestamp %d, the newest SYN says %d, the first %d", echo, val, timestamp(&syns[0]))
		}
		// RFC 6298 §2.2: three times the first round trip, and 200 ms at least.
		if limit := 3*age + 250*time.Millisecond; time.Duration(rto)*time.Millisecond > limit {
			t.Errorf("RTO %d ms, want at most %v: the newest SYN is %v older than the SYN-ACK", rto, limit, age)
		}
		return
	}
	t.Error("no SYN-ACK captured")
}
