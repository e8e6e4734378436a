//go:build linux

package e2e

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/oneping/oneping/proto/packet"
)

// deniedTarget is one destination of the private subnet and how the edge says no to it.
type deniedTarget struct {
	name           string
	dst            string
	edge           string
	kind, code     byte   // of the ICMP error
	ping, udp, tcp string // what the application is told
}

var deniedTargets = []deniedTarget{
	{"IPv4", serverV4, edgeV4, 3, 13, "Packet filtered", "EHOSTUNREACH", "EHOSTUNREACH"},
	{"IPv6", serverV6, edgeV6, 1, 1, "Destination unreachable: Administratively prohibited", "EACCES", "EACCES"},
}

// port returns the target with a port, as dialled.
func (d deniedTarget) port(n int) string {
	if strings.Contains(d.dst, ":") {
		return fmt.Sprintf("[%s]:%d", d.dst, n)
	}
	return fmt.Sprintf("%s:%d", d.dst, n)
}

// denial is a line of `client status --denials --json`.
type denial struct{ ID, Protocol, Dst string }

func (l *lab) denials(node string) []denial {
	l.t.Helper()
	var list struct{ Denials []denial }
	l.json(node, &list, "oneping", "client", "status", "--denials", "--json")
	return list.Denials
}

// A laptop without a grant is told so, by the edge, in the words of a router with
// a filter, whatever the protocol; it finds the denial's id, and the edge explains it.
func TestDenied(t *testing.T) {
	t.Parallel()
	needs(t, "traceroute", "ping")
	l := newLab(t, "--laptops", "2")
	if d := l.denials("laptop2"); len(d) != 0 {
		t.Errorf("denials of a laptop that asked for nothing: %v", d)
	}
	server := l.capture("server", "eth0")
	for _, target := range deniedTargets {
		t.Run(target.name, func(t *testing.T) { l.refused(t, target) })
	}
	for _, p := range server.stop(nil) {
		if p.SrcPort != 0 || p.DstPort != 0 || p.IsEchoRequest() {
			t.Errorf("reached the server: %v", p)
		}
	}
	l.explained(t, l.denials("laptop2"))
	if d := l.denials("laptop"); len(d) != 0 {
		t.Errorf("denials of the laptop that has a grant: %v", d)
	}
	l.wantTrace("alice", "laptop", []string{"-I", serverV4}, edgeV4, connectorV4, serverV4)
}

// refused asks by every tool and looks at every ICMP error that arrives.
func (l *lab) refused(t *testing.T, target deniedTarget) {
	device := l.capture("laptop2", "oneping0")
	for name, port := range map[string]int{"UDP": 9, "TCP": 80} {
		tool, want := "udp-errno", "read "+target.udp
		if name == "TCP" {
			tool, want = "tcp-errno", "connect "+target.tcp
		}
		if got := l.run("laptop2", "tool", tool, target.port(port)); !strings.HasPrefix(got, want+" ") {
			t.Errorf("a %s socket is told %q, want %s", name, got, want)
		}
	}
	r := l.exec("laptop2", "ping", "-n", "-c1", "-W2", target.dst)
	if want := "From " + target.edge + " icmp_seq=1 " + target.ping + "\n"; r.code != 1 || !strings.Contains(r.stdout, want) {
		t.Errorf("ping: exit code %d, want the line %q in\n%s", r.code, want, r.stdout)
	}
	for name, args := range map[string][]string{"ICMP": {"-I"}, "UDP": nil, "TCP": {"-T", "-p", "80"}} {
		l.wantTrace(name, "laptop2", append(args, target.dst), target.edge, target.edge+" !X")
	}
	prohibited := 0
	for _, p := range device.stop(func(p *captured) bool { return !p.out && p.ok == packet.OK }) {
		switch {
		case p.Class != packet.ClassICMP || p.Src.String() != target.edge:
			t.Errorf("arrived: %v", p)
		case p.Type == target.kind && p.Code == target.code:
			prohibited++
		case p.Type != 11 && p.Type != 3: // traceroute's first hop: time exceeded
			t.Errorf("arrived: %v", p)
		}
	}
	if prohibited < 6 {
		t.Errorf("%d ICMP errors of type %d, code %d, want one for each of six tools", prohibited, target.kind, target.code)
	}
}

// probePort is a port to which traceroute counts up: all of its probes are one denial, named by the
// first that was denied.
var probePort = regexp.MustCompile(`:33[45]\d\d$`)

// explained looks up each denial on the edge.
func (l *lab) explained(t *testing.T, denials []denial) {
	var got []string
	for _, d := range denials {
		got = append(got, probePort.ReplaceAllString(d.Protocol+" "+d.Dst, ":probes"))
		l.explainedOne(t, d)
	}
	slices.Sort(got)
	want := []string{
		"icmp " + serverV4, "icmp " + serverV6, "tcp " + serverV4 + ":80", "tcp [" + serverV6 + "]:80",
		"udp " + serverV4 + ":9", "udp [" + serverV6 + "]:9", "udp " + serverV4 + ":probes", "udp [" + serverV6 + "]:probes",
	}
	if slices.Sort(want); !slices.Equal(got, want) {
		t.Errorf("denials %q, want %q", got, want)
	}
	text := l.run("laptop2", "oneping", "client", "status", "--denials")
	for _, d := range denials {
		if !strings.Contains(text, d.ID) {
			t.Errorf("no id %s in\n%s", d.ID, text)
		}
	}
}

func (l *lab) explainedOne(t *testing.T, d denial) {
	var e struct {
		ID, Target, Tunnel string
		Allowed            bool
		Count              int
		Principal          struct{ User, Device string }
		Grants             []struct {
			Grant, Why string
			Matched    bool
		}
	}
	l.json("edge", &e, "oneping", "policy", "explain", d.ID, "--json")
	if e.ID != d.ID || e.Target != d.Protocol+" "+d.Dst || e.Tunnel != "lab" || e.Allowed || e.Count < 1 || e.Principal.User != "bob@example.com" {
		t.Errorf("explain %v: %+v", d, e)
	}
	want := "who: bob@example.com, device:" + e.Principal.Device + " is not among group:eng"
	if e.Principal.Device == "" || len(e.Grants) != 1 || e.Grants[0].Grant != "eng-office" || e.Grants[0].Matched || e.Grants[0].Why != want {
		t.Errorf("explain %v considered %+v, want eng-office: %s", d, e.Grants, want)
	}
	text := l.run("edge", "oneping", "policy", "explain", d.ID)
	for _, part := range []string{"bob@example.com", e.Principal.Device, d.Protocol + " " + d.Dst, "eng-office", "denied: no grant matches"} {
		if !strings.Contains(text, part) {
			t.Errorf("explain %s does not name %q:\n%s", d.ID, part, text)
		}
	}
}

// A silent edge says nothing, and the denial is listed all the same.
func TestDeniedInSilence(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--laptops", "2", "--unreachable", "silent")
	device := l.capture("laptop2", "oneping0")
	l.exec("laptop2", "ping", "-n", "-c1", "-W1", serverV4)
	if got := l.run("laptop2", "tool", "udp-errno", "-w", "200ms", serverV4+":9"); !strings.HasPrefix(got, "read timeout ") {
		t.Errorf("a UDP socket is told %q, want nothing", got)
	}
	l.exec("laptop2", "timeout", "-sKILL", "0.5", "tool", "tcp-errno", serverV4+":80")
	want := []string{"icmp " + serverV4, "tcp " + serverV4 + ":80", "udp " + serverV4 + ":9"}
	var got []string
	for _, d := range l.denials("laptop2") {
		got = append(got, d.Protocol+" "+d.Dst)
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("denials %q, want %q", got, want)
	}
	if in := device.stop(func(p *captured) bool { return !p.out }); len(in) != 0 {
		t.Errorf("the edge said %v", in)
	}
}
