//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// noRoom lets the connector's host send to nobody: each packet ends with ENOBUFS, as it does when
// the neighbour table is full. That table belongs to the whole machine, so a queue that holds
// nothing stands for it; the neighbours are given.
const noRoom = `for a in 172.16.10.98 172.16.10.99 172.16.10.120 fd6f:6e65:7069:10::98 fd6f:6e65:7069:10::99; do ip neigh replace $a lladdr 02:00:00:00:00:99 dev lan0 nud permanent; done
tc qdisc replace dev lan0 root bfifo limit 1`

// A kernel without room is a reason that is counted and an answer about whom nobody has ever heard,
// never the end of the connector. What a full queue does to those who are known to be there,
// routers pass over in silence.
func TestNoBuffers(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "ip", "tc")
	l := newLab(t)
	before := l.pids()
	l.ping("laptop", 1, serverV4)
	l.run("connector", "sh", "-ec", noRoom)
	answers := l.capture("laptop", "oneping0")
	if r := l.exec("laptop", "ping", "-n", "-c1", "-w5", "172.16.10.99"); r.code != 1 || !strings.Contains(r.stdout, "From "+connectorV4+" icmp_seq=1 Destination Host Unreachable") {
		t.Errorf("a neighbour nobody has heard: %+v", r)
	}
	// An IPv6 ping socket does not hear of it (ping_v6_sendmsg); UDP does, in both families.
	for _, dst := range []string{"172.16.10.98:7", "[fd6f:6e65:7069:10::98]:7"} {
		l.exec("laptop", "tool", "udp-ask", "-sizes", "100", dst)
	}
	known := l.exec("laptop", "ping", "-n", "-c2", "-i0.2", "-w2", serverV4)
	if known.code != 1 || strings.Contains(known.stdout, "Unreachable") || !strings.Contains(known.stdout, " 0 received, 100% packet loss") {
		t.Errorf("the server, which is known to answer: %+v", known)
	}
	var told []string
	for _, p := range answers.stop(func(p *captured) bool { return !p.out && p.IsICMPError() }) {
		var q packet.Packet
		if typ, code := packet.HostUnreachable.TypeCode(p.V6); p.Quoted(&q) && p.Type == typ && p.Code == code {
			told = append(told, p.Src.String()+" about "+q.Dst.String())
		}
	}
	want := []string{connectorV4 + " about 172.16.10.99", connectorV4 + " about 172.16.10.98", connectorV6 + " about fd6f:6e65:7069:10::98"}
	if !slices.Equal(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
	var status struct{ Reasons map[string]int }
	l.json("connector", &status, "oneping", "connector", "status", "--json")
	if n := status.Reasons["no buffers"]; n < 5 {
		t.Errorf("counted %v, want 5 without buffers at least", status.Reasons)
	}
	l.run("connector", "sh", "-ec", "tc qdisc del dev lan0 root; ip neigh del "+serverV4+" dev lan0")
	l.linked(10 * time.Second)
	if after := l.pids(); !slices.Equal(after, before) {
		t.Errorf("processes were %v and are %v", before, after)
	}
}
