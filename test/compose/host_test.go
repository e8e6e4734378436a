//go:build linux

package compose

import (
	"os"
	"os/exec"
	"strings"
	"testing"
)

// host is what an engine is known to change on a machine.
type host map[string]string

// lookAtHost notes the state of this machine that the engine must leave alone.
func lookAtHost(t *testing.T) host {
	t.Helper()
	h := make(host)
	for _, path := range []string{
		"/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv6/conf/all/forwarding", "/proc/sys/net/ipv6/conf/default/forwarding",
	} {
		b, _ := os.ReadFile(path) // no IPv6, no file
		h[path] = string(b)
	}
	for _, dir := range []string{"/etc/docker", "/run/docker", "/run/containerd"} {
		h[dir] = "absent"
		if entries, err := os.ReadDir(dir); err == nil {
			var names []string
			for _, e := range entries {
				names = append(names, e.Name())
			}
			h[dir] = strings.Join(names, " ")
		}
	}
	for _, cmd := range []string{"iptables-save", "ip6tables-save", "nft list ruleset"} {
		argv := strings.Fields(cmd)
		out, _ := exec.CommandContext(t.Context(), argv[0], argv[1:]...).Output() // what is not installed says nothing, twice
		h[cmd] = rules(string(out))
	}
	return h
}

// rules returns a listing of firewall rules without times and counters.
func rules(out string) string {
	var b strings.Builder
	for line := range strings.Lines(out) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		line, _, _ = strings.Cut(line, " [")
		b.WriteString(strings.TrimRight(line, "\n") + "\n")
	}
	return b.String()
}

// wantSame reports what is not as it was.
func (h host) wantSame(t *testing.T, before host) {
	t.Helper()
	for what, was := range before {
		if h[what] != was {
			t.Errorf("%s was\n%s\nand is\n%s", what, was, h[what])
		}
	}
}
