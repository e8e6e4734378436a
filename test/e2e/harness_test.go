//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// The harness itself, on a lab that starts no role.
func TestHarness(t *testing.T) {
	t.Parallel()
	l := newLab(t, "--bare", "--hosts", "2")
	needs(t, "ping")
	c := l.capture("server", "eth0")
	if out := l.run("host2", "ping", "-c1", "-W1", serverV4); !strings.Contains(out, "64 bytes from "+serverV4) {
		t.Errorf("ping said\n%s", out)
	}
	echo := c.stop(func(p *captured) bool { return p.Class == packet.ClassICMP && p.IsEchoRequest() })
	if len(echo) != 1 || echo[0].Src.String() != host2V4 || echo[0].out {
		t.Errorf("captured %v, want the one echo request", echo)
	}
	if r := l.exec("laptop", "sh", "-c", "echo out; echo err >&2; exit 7"); r.code != 7 || r.stdout != "out\n" || r.stderr != "err\n" {
		t.Errorf("exec: %+v", r)
	}
	p := l.start("server", "sh", "-c", "echo started; exec sleep 60")
	p.waitFor("started")
	if r := p.interrupt(); r.took > 10*time.Second {
		t.Errorf("interrupted after %v", r.took)
	}
	l.stop("server")
	if r := l.exec("host2", "ping", "-c1", "-W1", serverV4); r.code == 0 {
		t.Error("a stopped host answers")
	}
	l.up("server")
	l.poll("ping", 5*time.Second, func() bool { return l.exec("host2", "ping", "-c1", "-W1", serverV4).code == 0 })
}
