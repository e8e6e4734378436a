//go:build linux

package e2e

import (
	"slices"
	"strings"
	"testing"
)

// oddReplies are replies that are not what was asked, and what ping says of them.
var oddReplies = []struct{ mode, says string }{
	{"flip:30", "wrong data byte #30 should be 0x1e but was 0xe1"},
	{"flip:55", "wrong data byte #55 should be 0x37 but was 0xc8"},
	{"zero", "wrong data byte #16 should be 0x10 but was 0x0"},
	{"cut:24", "32 bytes from "},
	{"cut:0", "8 bytes from "},
	{"add:100", "164 bytes from "},
}

// TestOddReplies: an echo reply with a wrong byte, cut short or longer is a reply, by which people
// find broken hardware; two of them are a reply and a duplicate. oneping ping says what ping says.
// The same as through a row of Linux routers, with ping sockets and raw ones.
func TestOddReplies(t *testing.T) {
	t.Parallel()
	needs(t, "ping", "sysctl")
	for name, flags := range map[string][]string{"ping": nil, "raw": {"--raw"}, "plain": {"--plain"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, flags...)
			l.run("server", "sysctl", "-qw", "net.ipv4.icmp_echo_ignore_all=1", "net.ipv6.icmp.echo_ignore_all=1")
			for _, f := range families {
				for _, odd := range oddReplies {
					argv := []string{"tool", "echo-odd", odd.mode}
					if f.flag == "-6" {
						argv = slices.Insert(argv, 2, "-6")
					}
					p := l.start("server", argv...)
					p.waitFor("listening")
					if out := l.ping("laptop", 1, f.server); !strings.Contains(out, odd.says) {
						t.Errorf("%s, %s: no %q in\n%s", f.flag, odd.mode, odd.says, out)
					}
					l.samePing(t, "laptop", f.flag+" -n -c 1 "+f.server)
					p.interrupt()
				}
				p := l.start("server", "tool", "echo-odd", f.flag[:1]+map[string]string{"-4": "6=false", "-6": "6=true"}[f.flag], "same", "same")
				p.waitFor("listening")
				l.samePing(t, "laptop", f.flag+" -n -c 2 -i 0.2 "+f.server)
				p.interrupt()
			}
		})
	}
}
