package connector

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Tests in a row of network namespaces, drawn from left to right:
//
//	c ───────────── r1 ───────────── r2 ───────────── o
//	10.77.1.1  .2        10.77.2.1  .2        10.77.3.1  .2
//	fd77:1::1  ::2       fd77:2::1  ::2       fd77:3::1  ::2
//	                MTU 1400 between r1 and r2
//
// c runs the connector as uid 65534, o an echo server. Each runs this test
// binary again: TestMain looks at the environment.

const roleVariable = "ONEPING_CONNECTOR_TEST_ROLE"

func TestMain(m *testing.M) {
	name := os.Getenv(roleVariable)
	if name == "" {
		os.Exit(m.Run())
	}
	if err := scenes[name](); err != nil {
		fmt.Fprintln(os.Stderr, name+":", err)
		os.Exit(1)
	}
}

// row is the namespaces of one test.
type row struct {
	t      *testing.T
	prefix string
}

func (r *row) ns(name string) string { return r.prefix + name }

func newRow(t *testing.T) *row {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root to make network namespaces")
	}
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs ip from iproute2 to make network namespaces")
	}
	r := &row{t: t, prefix: fmt.Sprintf("opc%d", os.Getpid())}
	t.Cleanup(r.remove)
	r.build()
	return r
}

func (r *row) remove() {
	for _, n := range []string{"c", "r1", "r2", "o"} {
		_ = exec.Command("ip", "netns", "del", r.ns(n)).Run() // those that were made
	}
}

func (r *row) build() {
	for _, n := range []string{"c", "r1", "r2", "o"} {
		r.run("ip netns add " + r.ns(n))
		r.in(n, "ip link set lo up")
		r.in(n, "sysctl -qw net.ipv4.icmp_ratelimit=0 net.ipv4.icmp_msgs_per_sec=100000 net.ipv4.icmp_msgs_burst=10000 net.ipv6.icmp.ratelimit=0 net.ipv6.conf.all.accept_dad=0 net.ipv6.conf.default.accept_dad=0")
	}
	r.wire("c", "r1", "1", 1500)
	r.wire("r1", "r2", "2", 1400)
	r.wire("r2", "o", "3", 1500)
	for _, n := range []string{"r1", "r2"} {
		r.in(n, "sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1")
	}
	r.in("c", "sysctl -qw net.ipv4.ping_group_range=65534:65534")
	r.route("c", "1", "2", "2", "3")
	r.route("r1", "2", "2", "3")
	r.route("r2", "2", "1", "1")
	r.route("o", "3", "1", "1", "2")
}

// wire joins two namespaces by link number, the left one with host number 1.
func (r *row) wire(left, right, number string, mtu int) {
	dev := "v" + number
	r.run(fmt.Sprintf("ip link add %s netns %s type veth peer name %s netns %s", dev, r.ns(left), dev, r.ns(right)))
	for i, n := range []string{left, right} {
		r.in(n, fmt.Sprintf("ip addr add 10.77.%s.%d/24 dev %s", number, i+1, dev))
		r.in(n, fmt.Sprintf("ip addr add fd77:%s::%d/64 dev %s nodad", number, i+1, dev))
		r.in(n, fmt.Sprintf("ip link set %s mtu %d up", dev, mtu))
	}
}

// route sends links by way of host on a link.
func (r *row) route(ns, link, host string, to ...string) {
	for _, n := range to {
		r.in(ns, fmt.Sprintf("ip route add 10.77.%s.0/24 via 10.77.%s.%s", n, link, host))
		r.in(ns, fmt.Sprintf("ip route add fd77:%s::/64 via fd77:%s::%s", n, link, host))
	}
}

func (r *row) in(ns, line string) { r.t.Helper(); r.run("ip netns exec " + r.ns(ns) + " " + line) }

func (r *row) run(line string) {
	r.t.Helper()
	args := strings.Fields(strings.ReplaceAll(line, "65534:65534", "65534 65534"))
	if i := strings.Index(line, "="); i > 0 && strings.Contains(line, "65534:65534") { // one argument with a space in it
		args = append(strings.Fields(line)[:len(strings.Fields(line))-1], "net.ipv4.ping_group_range=65534 65534")
	}
	if out, err := exec.Command(args[0], args[1:]...).CombinedOutput(); err != nil {
		r.t.Fatalf("%s: %v\n%s", line, err, out)
	}
}

// start runs a scene in a namespace.
func (r *row) start(ctx context.Context, ns, scene string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "ip", "netns", "exec", r.ns(ns), "/proc/self/exe")
	exe, err := os.Executable()
	if err != nil {
		r.t.Fatal(err)
	}
	cmd.Args[4] = exe
	cmd.Env = append(os.Environ(), roleVariable+"="+scene)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// play runs a scene in c, with the echo server in o.
func (r *row) play(t *testing.T, scene string) {
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	cmd := r.start(ctx, "c", scene)
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Run(); err != nil {
		t.Errorf("%s: %v\n%s", scene, err, out.String())
	}
}

func TestRow(t *testing.T) {
	r := newRow(t)
	origin := r.start(t.Context(), "o", "origin")
	ready, err := origin.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := origin.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = origin.Process.Kill(); _ = origin.Wait() }()
	if _, err := ready.Read(make([]byte, 16)); err != nil {
		t.Fatal("origin:", err)
	}
	for _, scene := range []string{"ping", "ping6", "raw", "raw6", "udp", "udp6", "tcp", "tcp6"} {
		t.Run(scene, func(t *testing.T) { r.play(t, scene) })
	}
}
