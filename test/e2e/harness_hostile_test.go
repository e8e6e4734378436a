//go:build linux

package e2e

import (
	"strings"
	"time"
)

// hostileReasons returns what the edge counts on the link of the one hostile node.
func (l *lab) hostileReasons() map[string]uint64 {
	l.t.Helper()
	type nodes []struct {
		Hostname string
		Link     struct{ Reasons map[string]uint64 }
	}
	var s struct {
		Devices nodes
		Tunnels []struct{ Connectors nodes }
	}
	l.json("edge", &s, "oneping", "edge", "status", "--json")
	all := s.Devices
	for _, tunnel := range s.Tunnels {
		all = append(all, tunnel.Connectors...)
	}
	for _, n := range all {
		if n.Hostname == "hostile" {
			return n.Link.Reasons
		}
	}
	l.t.Fatalf("the hostile node is not connected: %+v", all)
	return nil
}

// hostileDevice starts a node without manners; it has the beginning of a command line.
func (l *lab) hostileDevice(user string) []string {
	l.t.Helper()
	token := l.run("edge", "oneping", "device", "token", "--user", user)
	return []string{"tool", "hostile", "-role", "client", "-token-file", l.secret(user+".token", token)}
}

// hostileConnector is a connector without manners, of a tunnel that serves 172.17.5.0/24.
func (l *lab) hostileConnector() []string {
	l.t.Helper()
	l.run("edge", "oneping", "tunnel", "create", "evil")
	l.run("edge", "oneping", "route", "add", "172.17.5.0/24", "evil")
	token := l.run("edge", "oneping", "tunnel", "token", "evil")
	return []string{"tool", "hostile", "-role", "connector", "-token-file", l.secret("evil.token", token)}
}

// victim starts a device that uses session 42 all the time.
func (l *lab) victim(dst string) *process {
	l.t.Helper()
	p := l.start("connector", append(l.hostileDevice("victim@example.com"), "-n", "60", "-i", "100ms", "session", dst)...)
	p.waitFor("registered")
	return p
}

// unharmed wants every payload of the victim answered, and nothing else to have come.
func (l *lab) unharmed(victim *process) {
	l.t.Helper()
	if r := victim.wait(20 * time.Second); r.code != 0 || !strings.Contains(r.stdout, "60 payloads answered, nothing else came") {
		l.t.Errorf("the session of another device was harmed:\n%s%s", r.stdout, r.stderr)
	}
}
