package term

import (
	"strings"
	"testing"
)

// folded are tables at the widths of terminals. No line is wider, nothing is cut, and at 0, which is
// no terminal, each row is a line.
func TestTableFolds(t *testing.T) {
	list := [][]string{
		{"DEVICE", "USER", "HOST", "ADDRESS", "STATE", "FROM"},
		{"dtxobamdu5ywgtkz", "alice@example.com", "laptop", "100.96.0.1", Good("up") + " 11s", "198.51.100.2:51488"},
		{"qhdh3du2squnnptf", "b", "-", "100.96.0.12", Bad("revoked"), ""},
	}
	facts := [][]string{
		{"link", "down for 1m0s; captured traffic is answered with host unreachable"},
		{"", "hint: is it running?"},
		{"captured", "172.16.0.0/12, 172.16.10.0/24, fd6f:6e65:7069:10::/60"},
		{"why: oneping policy explain ID, on the edge of this network"},
	}
	for _, c := range []struct {
		name  string
		width int
		rows  [][]string
		want  string
	}{
		{"list, no terminal", 0, list, `DEVICE            USER               HOST    ADDRESS      STATE    FROM
dtxobamdu5ywgtkz  alice@example.com  laptop  100.96.0.1   up 11s   198.51.100.2:51488
qhdh3du2squnnptf  b                  -       100.96.0.12  revoked  -
`},
		{"list, 85", 85, list, `DEVICE            USER               HOST    ADDRESS      STATE    FROM
dtxobamdu5ywgtkz  alice@example.com  laptop  100.96.0.1   up 11s   198.51.100.2:51488
qhdh3du2squnnptf  b                  -       100.96.0.12  revoked  -
`},
		{"list, 80", 80, list, `DEVICE            USER               HOST    ADDRESS      STATE
    FROM
dtxobamdu5ywgtkz  alice@example.com  laptop  100.96.0.1   up 11s
    198.51.100.2:51488
qhdh3du2squnnptf  b                  -       100.96.0.12  revoked
    -
`},
		{"list, 60", 60, list, `DEVICE            USER               HOST    ADDRESS
    STATE    FROM
dtxobamdu5ywgtkz  alice@example.com  laptop  100.96.0.1
    up 11s   198.51.100.2:51488
qhdh3du2squnnptf  b                  -       100.96.0.12
    revoked  -
`},
		{"list, 20", 20, list[1:2], `dtxobamdu5ywgtkz
    alice@example.com
    laptop
    100.96.0.1
    up 11s
    198.51.100.2:51488
`},
		{"facts, no terminal", 0, facts, `link      down for 1m0s; captured traffic is answered with host unreachable
          hint: is it running?
captured  172.16.0.0/12, 172.16.10.0/24, fd6f:6e65:7069:10::/60
why: oneping policy explain ID, on the edge of this network
`},
		{"facts, 40", 40, facts, `link      down for 1m0s; captured
          traffic is answered with host
          unreachable
          hint: is it running?
captured  172.16.0.0/12, 172.16.10.0/24,
          fd6f:6e65:7069:10::/60
why: oneping policy explain ID, on the
edge of this network
`},
	} {
		tab := Table{Empty: "-"}
		for _, r := range c.rows {
			tab.Row(append([]string{}, r...)...)
		}
		got := plain(tab.text(c.width))
		if got != c.want {
			t.Errorf("%s: got\n%s\nwant\n%s", c.name, got, c.want)
		}
	}
}

// Whatever the width, no word is lost and no line but that of one long word is wider.
func TestTableIsNoWiderThanItsTerminal(t *testing.T) {
	tab := Table{Empty: "-"}
	tab.Row("CONNECTOR", "HOST", "STATE", "FROM", "ICMP", "SYSTEM")
	tab.Row("kcjsn7eeklkpxfwn", "connector", Good("up")+" 5s", "203.0.113.2:40000", "off: net.ipv4.ping_group_range is closed to this group", "linux/amd64")
	words := strings.Fields(plain(tab.text(0)))
	for width := 1; width < 140; width++ {
		text := plain(tab.text(width))
		if got := strings.Fields(text); len(got) != len(words) {
			t.Fatalf("width %d: %q", width, text)
		}
		for line := range strings.Lines(text) {
			if line = strings.TrimRight(line, "\n"); width >= 58 && seen(line) > width || strings.HasSuffix(line, " ") {
				t.Errorf("width %d: %q", width, line)
			}
		}
	}
}

func TestFill(t *testing.T) {
	const text = `oneping carries a laptop's ping, traceroute, UDP and TCP over QUIC to an edge,
which decides.

Try it:

  oneping lab -- traceroute -I 172.16.10.120, which is not wrapped`
	want := map[int]string{
		100: `oneping carries a laptop's ping, traceroute, UDP and TCP over QUIC to an edge, which decides.

Try it:

  oneping lab -- traceroute -I 172.16.10.120, which is not wrapped`,
		40: `oneping carries a laptop's ping,
traceroute, UDP and TCP over QUIC to an
edge, which decides.

Try it:

  oneping lab -- traceroute -I 172.16.10.120, which is not wrapped`,
	}
	for width, want := range want {
		if got := Fill(text, width); got != want {
			t.Errorf("%d: got\n%s\nwant\n%s", width, got, want)
		}
	}
}
