//go:build linux

package deploy

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/test/program"
)

// network is the one of docs/deploy.md: the internet 192.0.2.0/24, and a subnet that the connector
// alone reaches.
//
//	edge 192.0.2.1 ─┐
//	laptop 192.0.2.3 ─ wide ─ 192.0.2.2 connector 172.16.10.100 ─ subnet ─ 172.16.10.120 server
type network struct {
	t    *testing.T
	name string
}

// newNetwork makes the network that a letter tells from others of this run.
func newNetwork(t *testing.T, letter string) *network {
	n := &network{t: t, name: fmt.Sprintf("opd%d%s-", os.Getpid(), letter)}
	for _, node := range []string{"wide", "subnet", "edge", "connector", "laptop", "server"} {
		n.ip("netns", "add", n.name+node)
		t.Cleanup(func() { n.ip("netns", "del", n.name+node) })
		n.ip("-n", n.name+node, "link", "set", "lo", "up")
	}
	for _, sw := range []string{"wide", "subnet"} {
		n.ip("-n", n.name+sw, "link", "add", "br0", "type", "bridge")
		n.ip("-n", n.name+sw, "link", "set", "br0", "up")
	}
	n.wire("edge", "eth0", "wide", "192.0.2.1/24")
	n.wire("connector", "eth0", "wide", "192.0.2.2/24")
	n.wire("laptop", "eth0", "wide", "192.0.2.3/24")
	n.wire("connector", "eth1", "subnet", "172.16.10.100/24")
	n.wire("server", "eth0", "subnet", "172.16.10.120/24")
	return n
}

func (n *network) ip(args ...string) {
	n.t.Helper()
	run(n.t, time.Minute, ".", append([]string{"ip"}, args...)...)
}

func (n *network) wire(node, dev, sw, addr string) {
	n.ip("-n", n.name+node, "link", "add", dev, "type", "veth", "peer", "name", "to-"+node, "netns", n.name+sw)
	n.ip("-n", n.name+sw, "link", "set", "to-"+node, "master", "br0", "up")
	n.ip("-n", n.name+node, "addr", "add", addr, "dev", dev)
	n.ip("-n", n.name+node, "link", "set", dev, "up")
}

// machine is a root that systemd boots, in one node of the network.
type machine struct {
	t          *testing.T
	name, root string
	node       string // its name on the pages, and to itself
	space      string // network namespace
	tun        string // a TUN device as udev makes it, for everyone
	cmd        *exec.Cmd
	leader     string // process id of its systemd
}

func (r release) machine(t *testing.T, n *network, node string) *machine {
	t.Helper()
	m := &machine{t: t, name: n.name + node, node: node, root: r.layer(t), space: "/run/netns/" + n.name + node, tun: filepath.Join(t.TempDir(), "tun")}
	if err := unix.Mknod(m.tun, unix.S_IFCHR|0o666, int(unix.Mkdev(10, 200))); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(m.tun, 0o666); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(m.halt)
	return m
}

// boot starts the machine and waits for its services.
func (m *machine) boot() {
	m.t.Helper()
	m.cmd = exec.Command("systemd-nspawn", "-q", "-D", m.root, "--register=no", "--keep-unit", "--network-namespace-path="+m.space,
		"--machine="+m.name, "--hostname="+m.node, "--bind="+m.tun+":/dev/net/tun", "--capability=CAP_NET_ADMIN", "--property=DeviceAllow=/dev/net/tun", "-b")
	m.cmd.Env = append(os.Environ(), "SYSTEMD_NSPAWN_API_VFS_WRITABLE=network") // a host lets root write its network settings
	m.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	console, err := os.Create(filepath.Join(filepath.Dir(m.root), "console"))
	if err != nil {
		m.t.Fatal(err)
	}
	defer console.Close()
	m.cmd.Stdout, m.cmd.Stderr = console, console
	if err := m.cmd.Start(); err != nil {
		m.t.Fatal(err)
	}
	m.poll("boot", func() error {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", m.cmd.Process.Pid))
		if m.leader = strings.TrimSpace(string(b)); err != nil || m.leader == "" {
			return fmt.Errorf("no systemd yet: %w", err)
		}
		_, err = m.try("systemctl is-active multi-user.target")
		return err
	})
}

// halt ends the machine as a power button does.
func (m *machine) halt() {
	if m.cmd == nil {
		return
	}
	if m.t.Failed() {
		out, _ := m.try("journalctl --no-pager -n 40 -u 'oneping-*'")
		m.t.Logf("%s:\n%s", m.name, out)
	}
	_ = m.cmd.Process.Signal(syscall.SIGTERM)
	timer := time.AfterFunc(40*time.Second, func() { _ = m.cmd.Process.Kill() })
	_ = m.cmd.Wait() // how a machine ends is of no interest
	timer.Stop()
	m.cmd = nil
}

func (m *machine) try(line string) (string, error) {
	m.t.Helper()
	return try(m.t, 2*time.Minute, ".", "nsenter", "-t", m.leader, "-a", "--wdns=/root", "--", "env", "-i", "HOME=/root",
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "sh", "-c", line)
}

func (m *machine) run(line string) string {
	m.t.Helper()
	out, err := m.try(line)
	if err != nil {
		m.t.Fatalf("%s: %v", m.name, err)
	}
	return out
}

// poll repeats f until it succeeds.
func (m *machine) poll(word string, f func() error) {
	m.t.Helper()
	program.Retry(m.t, m.name+": "+word, time.Minute, f)
}

// carry copies a file from one machine's home to another's.
func (m *machine) carry(file string, to *machine) {
	m.t.Helper()
	run(m.t, time.Minute, ".", "cp", "-p", filepath.Join(m.root, "root", file), filepath.Join(to.root, "root", file))
}
