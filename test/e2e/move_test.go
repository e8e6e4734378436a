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
	kept(to)
	end(connector)
	connector = b.run(nil, append([]string{bin}, b.connectorArgs(token)...)...)
	kept(to)
	end(connector)
	end(edge)
}
