//go:build linux

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

const (
	attackMemory  = 256 << 20 // of the edge's cgroup
	attackFor     = 20 * time.Second
	attackSources = 64
	attackDevices = 20 // so many an edge enrols at once from one address; each has one link
	// attackLeft is what may be left of it afterwards.
	attackLeft = 64 << 20
)

// TestAttacks: nobody who is not known, and nobody who may reach nothing, takes the edge's memory.
// An edge in a cgroup of 256 MiB is attacked from 64 networks while a user pings.
// ONEPING_ATTACK=10m attacks for so long.
func TestAttacks(t *testing.T) {
	needs(t, "ping", "ip", "nice")
	lasts := attackFor
	if text := os.Getenv("ONEPING_ATTACK"); text != "" {
		var err error
		if lasts, err = time.ParseDuration(text); err != nil {
			t.Fatal(err)
		}
	}
	newCgroup(t, attackMemory) // before anything is built: where there is none there is nothing to do
	attacker := buildHostile(t, readable(t))
	for _, mode := range []string{"enrolmem", "linkmem", "halfopen"} {
		t.Run(mode, func(t *testing.T) { attacked(t, attacker, mode, lasts) })
	}
}

// readable returns a directory of the test that every node can read.
func readable(t *testing.T) string {
	dir := t.TempDir()
	for d := dir; d != os.TempDir() && len(d) > 1; d = filepath.Dir(d) {
		_ = os.Chmod(d, 0o755)
	}
	return dir
}

// attacked runs one attack.
func attacked(t *testing.T, attacker, mode string, lasts time.Duration) {
	flag, path := policy(t, "grants:\n  - {id: first, who: [alice@example.com], to: [\"*\"], how: [\"*\"]}\n")
	group := newCgroup(t, attackMemory)
	l := newLab(t, flag, path, "--laptops", "2")
	confine(l, group)
	edge := l.edgePID()
	argv := l.attackers(attacker, mode)
	l.run("laptop", "ping", "-c3", "-i0.2", serverV4)
	before := group.anonymous()

	count := int(lasts/(200*time.Millisecond)) + 10
	pings := l.start("laptop", "ping", "-n", "-i", "0.2", "-c", strconv.Itoa(count), "-W", "2", serverV4)
	attack := l.start("laptop2", argv...)
	attack.waitFor("attacking")
	most := 0
	end := time.Now().Add(lasts)
	l.poll("the end of the attack", lasts+time.Minute, func() bool {
		most = max(most, group.anonymous())
		return time.Now().After(end)
	})
	if mode != "linkmem" && most > attackMemory/2 {
		t.Errorf("strangers took %d MiB: they may not make memory short", most>>20)
	}
	said := attack.interrupt()
	r := pings.wait(time.Minute + lasts/2) // ping rests a little longer than it is told on a busy machine
	wantRepliesBut(t, "ping during "+mode, r, count, l.overrun(count))
	if now := l.edgePID(); now != edge {
		t.Errorf("the edge was process %d and is %d", edge, now)
	}
	// An attacker says no goodbye: its links end when nothing is heard of them.
	l.poll("memory is given back", 2*time.Minute, func() bool { return group.anonymous() < before+attackLeft })
	var status struct {
		Refused map[string]uint64
		Memory  struct {
			Limit int
			Ended uint64 `json:"links_ended"`
		}
	}
	l.json("edge", &status, "oneping", "edge", "status", "--json")
	if status.Memory.Limit != attackMemory {
		t.Errorf("the edge believes that it may have %d bytes", status.Memory.Limit)
	}
	t.Logf("%s for %v: %s; ping %s; memory %d MiB before, %d at most (%d with its files), %d after; refused %v; %d links ended",
		mode, lasts, strings.TrimSpace(said.stdout), roundTrips(r.stdout), before>>20, most>>20, group.peak()>>20, group.anonymous()>>20, status.Refused, status.Memory.Ended)
}

// overrun is how many of count pings may stay without an answer: none, or one in fifty where packets
// came faster than one socket of the edge is read. The kernel drops then, whoever they are of; the
// flood of linkmem is 200,000 a second.
func (l *lab) overrun(count int) int {
	l.t.Helper()
	dropped := l.snmp("edge", "Udp", "RcvbufErrors")
	l.t.Logf("the edge's kernel dropped %d datagrams for want of room in the socket", dropped)
	if dropped == 0 {
		return 0
	}
	return count / 50
}

// confine starts the edge again in the cgroup.
func confine(l *lab, group *cgroup) {
	l.t.Helper()
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", l.edgePID()))
	if err != nil {
		l.t.Fatal(err)
	}
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:])) // proc_pid_stat(5)
	parent, err := strconv.Atoi(fields[1])
	if err != nil {
		l.t.Fatal(err)
	}
	l.run("edge", "sh", "-ec", group.mounted()) // a node's /sys is its own
	group.join(parent)                          // what it starts is born there
	l.stop("edge")
	l.up("edge")
	group.leave(parent)
	l.linked(20 * time.Second)
}

// edgePID returns the host's process id of the one edge of this run.
func (l *lab) edgePID() int {
	l.t.Helper()
	for _, line := range marked() {
		if pid, cmd, _ := strings.Cut(line, " "); strings.Contains(cmd, "edge run") {
			n, _ := strconv.Atoi(pid)
			return n
		}
	}
	l.t.Fatal("no edge runs")
	return 0
}

// attackers gives the second laptop, without its client, many addresses and returns the command
// line of an attack. Elsewhere it would have processors of its own: here it is nice.
func (l *lab) attackers(attacker, mode string) []string {
	l.t.Helper()
	l.stop("laptop2")
	for i := range attackSources {
		l.run("laptop2", "ip", "addr", "add", fmt.Sprintf("10.200.%d.1/32", i), "dev", "lo")
	}
	m := regexp.MustCompile(`src ([0-9.]+)`).FindStringSubmatch(l.run("laptop2", "ip", "route", "get", edgeDialV4))
	if m == nil {
		l.t.Fatal("the second laptop has no way to the edge")
	}
	l.run("edge", "ip", "route", "add", "10.200.0.0/16", "via", m[1])
	argv := []string{"nice", "-n", "19", attacker, "attack", "-edge", edgeDialV4 + ":7844", "-from", "10.200.0.1"}
	if mode == "linkmem" {
		var tokens []string
		for i := range attackDevices {
			user := fmt.Sprintf("guest%d", i)
			tokens = append(tokens, l.secret(user, l.run("edge", "oneping", "device", "token", "--user", user+"@example.com")))
		}
		return append(argv, "-token-files", strings.Join(tokens, ","), "-sources", strconv.Itoa(attackDevices), "-each", "1", mode)
	}
	return append(argv, "-sources", strconv.Itoa(attackSources), "-each", "4", mode)
}

var pingTime = regexp.MustCompile(`time=([0-9.]+) ms`)

// roundTrips says p50, p99 and the most of what ping printed.
func roundTrips(out string) string {
	var ms []float64
	for _, m := range pingTime.FindAllStringSubmatch(out, -1) {
		v, _ := strconv.ParseFloat(m[1], 64)
		ms = append(ms, v)
	}
	if len(ms) == 0 {
		return "nothing"
	}
	slices.Sort(ms)
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f ms, most %.1f ms", ms[len(ms)/2], ms[len(ms)*99/100], ms[len(ms)-1])
}
