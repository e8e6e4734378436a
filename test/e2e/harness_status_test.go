//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/test/program"
)

// snmp returns a counter of /proc/net/snmp in a node.
func (l *lab) snmp(node, group, name string) int {
	l.t.Helper()
	var names []string
	for line := range strings.Lines(l.run(node, "cat", "/proc/net/snmp")) {
		fields := strings.Fields(line)
		if fields[0] != group+":" {
			continue
		}
		for i, have := range names {
			if have == name {
				n, err := strconv.Atoi(fields[i])
				if err != nil {
					l.t.Fatal(err)
				}
				return n
			}
		}
		names = fields
	}
	l.t.Fatalf("no counter %s %s on %s", group, name, node)
	return 0
}

// moved returns how many bytes a device of the laptop has received or sent.
func (l *lab) moved(direction string) int {
	l.t.Helper()
	text := l.run("laptop", "cat", "/sys/class/net/eth0/statistics/"+direction+"_bytes")
	n, err := strconv.Atoi(strings.TrimSpace(text))
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

// devices returns how many laptops are connected.
func (l *lab) devices() int {
	l.t.Helper()
	var status struct{ Devices []struct{ ID string } }
	l.json("edge", &status, "oneping", "edge", "status", "--json")
	return len(status.Devices)
}

// Where the lab keeps the state of its roles, in every node's view.
const (
	edgeState      = "/oneping-lab/edge/edge"
	connectorState = "/oneping-lab/connector/connector"
	laptopState    = "/oneping-lab/laptop/client"
)

// clientStatus is what the tests read of `client status --json`.
type clientStatus struct {
	Up        bool
	Since     time.Time
	LastError string `json:"last_error"`
	Device    string
	Addrs     []netip.Addr
	Identity  struct {
		Expires time.Time `json:"certificate_expires"`
	}
}

func (l *lab) clientStatus(node string) clientStatus {
	l.t.Helper()
	var s clientStatus
	l.json(node, &s, "oneping", "client", "status", "--json")
	return s
}

// logLine is a line that a role has logged.
type logLine struct {
	Time                                            time.Time
	Level, Msg, Error, Reason, Code, Identity, Hint string
	Renewal                                         bool
}

func (l logLine) text() string { return strings.Join([]string{l.Msg, l.Code, l.Reason, l.Error}, ": ") }

// logged waits until a role has logged a line whose texts contain all of parts, and returns the first one.
func (l *lab) logged(node string, parts ...string) logLine {
	l.t.Helper()
	var found logLine
	l.poll(fmt.Sprintf("log of %s: %q", node, parts), 5*time.Second, func() bool {
		for text := range strings.Lines(l.oneping("lab", "logs", "--name", l.name, node).stdout) {
			var line logLine
			if json.Unmarshal([]byte(text), &line) != nil {
				continue // what an edge prints for people
			}
			if found = line; !slices.ContainsFunc(parts, func(p string) bool { return !strings.Contains(line.text(), p) }) {
				return true
			}
		}
		return false
	})
	return found
}

// settle waits until path MTU discovery of both links is done: from then on
// "packet too big" is answered, and always with the same number.
func (l *lab) settle() {
	l.t.Helper()
	for node, role := range map[string]string{"laptop": "client", "connector": "connector"} {
		l.poll("path MTU of "+node, 10*time.Second, func() bool {
			var status struct{ Link *struct{ Settled bool } }
			l.json(node, &status, "oneping", role, "status", "--json")
			return status.Link != nil && status.Link.Settled
		})
	}
	l.poll("path MTU of the edge", 10*time.Second, func() bool {
		var status struct {
			Devices []struct{ Link struct{ Settled bool } }
			Tunnels []struct {
				Connectors []struct{ Link struct{ Settled bool } }
			}
		}
		l.json("edge", &status, "oneping", "edge", "status", "--json")
		settled := len(status.Devices) > 0 && len(status.Tunnels) > 0
		for _, d := range status.Devices {
			settled = settled && d.Link.Settled
		}
		for _, t := range status.Tunnels {
			for _, r := range t.Connectors {
				settled = settled && r.Link.Settled
			}
		}
		return settled
	})
}

// rootless says that the lab runs in a user namespace.
func (l *lab) rootless() bool {
	l.t.Helper()
	r := l.oneping("lab", "status", "--json", "--name", l.name)
	var list []struct{ Rootless bool }
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil || len(list) != 1 {
		l.t.Fatalf("lab status: %v: %s%s", err, r.stdout, r.stderr)
	}
	return list[0].Rootless
}

// pids returns the process ids of the roles, by node; another one says that a role was restarted.
func (l *lab) pids() []string {
	l.t.Helper()
	r := l.oneping("lab", "status", "--json", "--name", l.name)
	var list []struct {
		Nodes []struct {
			Name, Role string
			PID        int
		}
	}
	if err := json.Unmarshal([]byte(r.stdout), &list); err != nil || len(list) != 1 {
		l.t.Fatalf("lab status: %v: %s%s", err, r.stdout, r.stderr)
	}
	var pids []string
	for _, n := range list[0].Nodes {
		if n.Role != "" {
			pids = append(pids, fmt.Sprintf("%s %d", n.Name, n.PID))
		}
	}
	return pids
}

// captureStatus is what the client says of its configuration.
type captureStatus struct {
	Capture       []string
	Configuration *proto.Progress
}

// linkStatus is what client status says of the link.
type linkStatus struct {
	Up        bool
	LastError string `json:"last_error"`
	Link      *struct {
		Remote  string
		Since   time.Time
		PathMTU int `json:"path_mtu"`
	}
}

func (l *lab) link() linkStatus {
	l.t.Helper()
	var s linkStatus
	l.json("laptop", &s, "oneping", "client", "status", "--json")
	return s
}

// statusReady asks a role whether it is ready, as a health check does.
func (l *lab) statusReady(node string) result {
	l.t.Helper()
	role := node
	if node == "laptop" {
		role = "client"
	}
	return l.exec(node, "oneping", role, "status", "--ready")
}

// since is how long a moment may be off: what is logged, captured and asked is not the same instant.
const since = 500 * time.Millisecond

// lastLogged returns when a role last logged a message after a moment, and waits for that.
func (l *lab) lastLogged(node, msg string, after time.Time) time.Time {
	l.t.Helper()
	var last time.Time
	l.poll(node+" logs "+msg, 10*time.Second, func() bool {
		for line := range strings.Lines(l.oneping("lab", "logs", "--name", l.name, node).stdout) {
			var one struct {
				Time time.Time
				Msg  string
			}
			if json.Unmarshal([]byte(line), &one) == nil && one.Msg == msg && one.Time.After(after) {
				last = one.Time
			}
		}
		return !last.IsZero()
	})
	return last
}

// edgeStatus is what the tests read of `edge status --json`.
type edgeStatus struct {
	Devices []struct {
		ID, User string
		Addrs    []netip.Addr
		Link     struct {
			Since   time.Time
			Reasons map[string]uint64
		}
	}
	Sessions int `json:"udp_sessions"`
	Flows    int `json:"tcp_flows"`
	Reasons  map[string]uint64
	Hops     []netip.Addr
}

func (l *lab) edgeStatus() edgeStatus {
	l.t.Helper()
	var s edgeStatus
	l.json("edge", &s, "oneping", "edge", "status", "--json")
	return s
}

// addrsOf returns the addresses of a user's only device.
func (s edgeStatus) addrsOf(t testing.TB, user string) (v4, v6 string) {
	t.Helper()
	for _, d := range s.Devices {
		if d.User == user && len(d.Addrs) == 2 {
			return d.Addrs[0].String(), d.Addrs[1].String()
		}
	}
	t.Fatalf("no device of %s in %+v", user, s.Devices)
	return "", ""
}

// tcpFlows returns the number of flows on laptop, edge and connector together.
func (l *lab) tcpFlows() int {
	l.t.Helper()
	n := 0
	for _, on := range l.flowsOn() {
		n += on
	}
	return n
}

// powers fails unless the connector runs as nobody (as its own root where there is no other user)
// and has this set of capabilities, and may never have another.
func (l *lab) powers(t *testing.T, set string) {
	t.Helper()
	out := l.run("connector", "sh", "-c",
		program.ForEach("connector run", `grep -E '^(Uid|CapEff|CapPrm|CapBnd|CapAmb)' $p/status`))
	uid := "65534"
	if l.rootless() {
		uid = "0"
	}
	want := []string{"Uid:", uid, uid, uid, uid, "CapPrm:", set, "CapEff:", set, "CapBnd:", set, "CapAmb:", set}
	if got := strings.Fields(out); !slices.Equal(got, want) {
		t.Errorf("the connector is %q, want %q", got, want)
	}
}

// udpSessions returns how many UDP sessions laptop, edge and connector have.
func (l *lab) udpSessions() (laptop, edge, connector int) {
	l.t.Helper()
	var node struct {
		Sessions int `json:"udp_sessions"`
	}
	l.json("laptop", &node, "oneping", "client", "status", "--json")
	laptop = node.Sessions
	l.json("connector", &node, "oneping", "connector", "status", "--json")
	return laptop, l.edgeStatus().Sessions, node.Sessions
}

// processOf returns how many descriptors and how many KiB of memory the process has whose command
// line contains text.
func (l *lab) processOf(node, text string) (fds, rss int) {
	l.t.Helper()
	out := l.run(node, "sh", "-c", processScript(text))
	if n, err := fmt.Sscan(out, &fds, &rss); n != 2 {
		l.t.Fatalf("%s: no process %q: %v %q", node, text, err, out)
	}
	return fds, rss
}

// processScript prints the number of descriptors and the KiB of memory of such a process.
func processScript(text string) string {
	return program.ForEach(text, `ls $p/fd | wc -l; awk '/^VmRSS/ {print $2}' $p/status`)
}
