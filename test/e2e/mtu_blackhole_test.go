//go:build linux

package e2e

import (
	"strings"
	"testing"
	"time"
)

// A router between laptop and edge gets narrower in the middle of a transfer and may not
// say so: what is under way arrives all the same.
func TestPathGetsNarrower(t *testing.T) {
	t.Parallel()
	needs(t, "curl", "ip")
	const size = 100_000_000
	for name, c := range map[string]struct{ direction, device string }{
		"download": {"rx", "to-laptop"},
		"upload":   {"tx", "to-edge"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLab(t, "--router")
			l.serve("server", "http-serve", ":80")
			l.run("router", "ip", "rule", "add", "iif", "lo", "ipproto", "icmp", "blackhole", "pref", "1")
			l.settle()
			if name == "upload" {
				l.download(serverV4, "file", size)
			}
			began := l.moved(c.direction)
			done := make(chan struct{})
			go func() {
				defer close(done)
				if name == "upload" {
					l.upload(serverV4, "file", "--limit-rate", "40M")
				} else {
					l.download(serverV4, "file", size, "--limit-rate", "40M")
				}
			}()
			l.poll("a fifth of the transfer", 30*time.Second, func() bool { return l.moved(c.direction)-began > size/5 })
			l.run("router", "ip", "link", "set", c.device, "mtu", "1300")
			narrow := l.moved(c.direction) - began
			<-done
			if narrow > size*9/10 {
				t.Errorf("the transfer was almost done (%d bytes) when the path got narrower", narrow)
			}
			if n := l.snmp("router", "Ip", "FragFails"); n == 0 {
				t.Error("the router has dropped nothing for its size")
			}
			for node, peer := range map[string]string{"laptop": edgeDialV4, "edge": laptopDialV4} {
				if route := l.run(node, "ip", "route", "get", peer); strings.Contains(route, " mtu ") { // a path MTU that an ICMP error told
					t.Errorf("the router's ICMP passed its filter: %s has %s", node, route)
				}
			}
			var status struct {
				Link struct {
					PathMTU  int `json:"path_mtu"`
					Before   int `json:"path_mtu_before"`
					Switches int `json:"path_switches"`
				}
			}
			l.json("laptop", &status, "oneping", "client", "status", "--json")
			// Toward the router its device takes four bytes more than its MTU, the room of a VLAN tag.
			if status.Link.PathMTU > 1304 || status.Link.Before < 1440 || status.Link.Switches != 1 {
				t.Errorf("path MTU %d, before %d, after %d switches, want about 1300, some 1460 and 1", status.Link.PathMTU, status.Link.Before, status.Link.Switches)
			}
		})
	}
}
