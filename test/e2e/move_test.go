//go:build linux

package e2e

import (
	"encoding/json"
	"os"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// An edge moves to another address: the nodes learn it over the link while the edge is where it was,
// find it there afterwards, and forget the old one then. The old token, whose file is still there,
// does not lead them back. A slip on the way locks nobody out.
func TestEdgeMoves(t *testing.T) {
	t.Parallel()
	b := newLoopback(t)
	from, to := b.addr, newLoopback(t).addr
	start := func(listen, advertise string) *role {
		t.Helper()
		r := b.run(nil, bin, "edge", "run", "--state-dir", b.path("edge"), "--listen", listen, "--advertise", advertise)
		b.answers("edge")
		return r
	}
	end := func(r *role) {
		t.Helper()
		r.signal(syscall.SIGTERM)
		if code := r.code(); code != 0 {
			t.Fatalf("exit code %d\n%s", code, r.log)
		}
	}
	// kept waits until the connector is up and has these addresses in its file.
	kept := func(edges ...string) {
		t.Helper()
		var file struct {
			Edges []string `json:"edges"`
			Named []string `json:"token_edges"`
		}
		program.Poll(t, "the connector to be up", 20*time.Second, func() bool {
			text, err := os.ReadFile(b.path("connector/node.json"))
			return err == nil && json.Unmarshal(text, &file) == nil && slices.Equal(file.Edges, edges) &&
				b.do("connector", "status", "--ready", "--state-dir", b.path("connector")).code == 0
		})
		if moved := !slices.Equal(edges, []string{from}); moved && !slices.Equal(file.Named, []string{from}) || !moved && file.Named != nil {
			t.Errorf("the token's addresses: %q", file.Named)
		}
	}

	edge := start(from, from)
	token := b.token()
	connector := b.run(nil, append([]string{bin}, b.connectorArgs(token)...)...)
	kept(from)
	end(edge)
	edge = start(from, "slip.invalid:7844")
	kept("slip.invalid:7844", from)
	end(edge)
	edge = start(from, to) // it says where it will be
	kept(to, from, "slip.invalid:7844")
	end(edge)
	edge = start(to, to)
	kept(to, from) // which its token names
	end(connector)
	connector = b.run(nil, append([]string{bin}, b.connectorArgs(token)...)...)
	kept(to, from)
	end(connector)
	end(edge)
}

// A laptop follows an edge to another IP address, with the inside address that it has.
func TestEdgeMovesFromItsLaptops(t *testing.T) {
	t.Parallel()
	needs(t, "ip", "traceroute")
	l := newLab(t)
	const next = "192.0.2.9:7844"
	device := l.deviceAddr(families[0])
	run := func(advertise string) *process {
		t.Helper()
		p := l.start("edge", "oneping", "edge", "run", "--state-dir", "/oneping-lab/edge/edge", "--listen", "0.0.0.0:7844", "--advertise", advertise,
			"--hop", edgeV4, "--hop", edgeV6, "--capture", "172.16.0.0/12")
		p.waitFor("edge ready")
		return p
	}
	know := func(edges ...string) {
		t.Helper()
		for _, node := range []string{"laptop", "connector"} {
			role := map[string]string{"laptop": "client", "connector": "connector"}[node]
			l.poll(node+" knows where the edge is", 20*time.Second, func() bool {
				var s struct {
					Edges []string `json:"edges"`
				}
				r := l.exec(node, "oneping", role, "status", "--json")
				return r.code == 0 && json.Unmarshal([]byte(r.stdout), &s) == nil && slices.Equal(s.Edges, edges) && l.exec(node, "oneping", role, "status", "--ready").code == 0
			})
		}
	}
	l.run("edge", "ip", "addr", "add", "192.0.2.9/32", "dev", "lo")
	l.stop("edge")
	edge := run(next)
	know(next, edgeDialV4+":7844")
	edge.interrupt()
	l.run("edge", "ip", "addr", "del", "192.0.2.1/32", "dev", "lo")
	edge = run(next)
	know(next, edgeDialV4+":7844") // which their tokens name
	l.wantTrace("through the edge that has moved", "laptop", []string{"-I", serverV4}, edgeV4, connectorV4, serverV4)
	if now := l.deviceAddr(families[0]); now != device {
		t.Errorf("the laptop has %s, and had %s", now, device)
	}
	edge.interrupt()
}
