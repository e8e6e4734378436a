//go:build linux

package deploy

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/test/program"
)

// blocks returns the text of the blocks of a language and place, in the order in which docs/install.md
// and docs/deploy.md have them.
func blocks(t *testing.T, lang, place string) string {
	t.Helper()
	var text strings.Builder
	for _, page := range []string{"docs/install.md", "docs/deploy.md"} {
		for _, b := range program.Page(t, page) {
			if b.Lang == lang && b.Place == place {
				text.WriteString(b.Text)
			}
		}
	}
	if text.Len() == 0 {
		t.Fatalf("the pages have no block %s %s", lang, place)
	}
	return text.String()
}

// services does what the pages say about three machines, with a systemd on each.
func (r release) services(t *testing.T) {
	n := newNetwork(t, "s")
	nodes := []string{"edge", "connector", "laptop"}
	role := map[string]string{"edge": "edge", "connector": "connector", "laptop": "client"}
	machines := make(map[string]*machine)
	clean := make(map[string]map[string]string)
	for _, node := range nodes {
		m := r.machine(t, n, node)
		m.boot()
		m.run("echo 192.0.2.1 edge.example.com >> /etc/hosts") // its name in DNS
		machines[node] = m
		clean[node] = tree(t, m.root)
		run(t, time.Minute, ".", "cp", r.file(t, "*.deb"), filepath.Join(m.root, "root"))
		for line := range strings.Lines(blocks(t, "sh", "install")) {
			m.run(line)
		}
	}
	if out := machines["connector"].run("cat /etc/sysctl.d/49-oneping.conf /proc/sys/net/ipv4/ping_group_range"); !strings.Contains(out, "the group oneping") || strings.HasSuffix(out, "1\t0\n") {
		t.Errorf("the package has not opened ping to the group:\n%s", out)
	}
	edge, connector, laptop := machines["edge"], machines["connector"], machines["laptop"]
	for file, path := range map[string]string{"policy.yaml": "root/policy.yaml", "edge.yaml": "etc/oneping/edge.yaml"} {
		if err := os.WriteFile(filepath.Join(edge.root, path), []byte(blocks(t, "yaml", file)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range nodes {
		for line := range strings.Lines(blocks(t, "sh", node+".service")) {
			if out := machines[node].run(line); strings.Contains(line, " service install") && !strings.Contains(out, "\nready   ") {
				t.Errorf("%s: %s is not ready at the end\n%s", node, line, out)
			}
		}
		if node == "edge" {
			edge.carry("connector.token", connector)
			edge.carry("laptop.token", laptop)
		}
	}
	path := func(word string) {
		t.Helper()
		laptop.poll(word, func() error {
			out, err := laptop.try("traceroute -I -n -w 1 -q 1 172.16.10.120")
			if got := strings.Join(regexp.MustCompile(`(?m)^ *\d+  ([0-9.]+) `).FindAllString(out, -1), " "); err != nil || len(strings.Fields(got)) != 6 ||
				!strings.Contains(got, "1  192.0.0.8") || !strings.Contains(got, "2  172.16.10.100") || !strings.Contains(got, "3  172.16.10.120") {
				return fmt.Errorf("%w: %s", err, out)
			}
			return nil
		})
	}
	laptop.run("ping -c 1 -W 5 172.16.10.120") // the first one
	path("the path")
	wantUnprivileged(t, edge, "edge", "0000000000000000")
	wantUnprivileged(t, connector, "connector", "0000000000000000")
	wantUnprivileged(t, laptop, "client", "0000000000001000") // CAP_NET_ADMIN

	for _, node := range nodes {
		for line := range strings.Lines(blocks(t, "sh", node+".look")) {
			machines[node].run(line)
		}
	}
	laptop.run("useradd -G oneping member && useradd stranger && su member -c 'oneping client status' >/dev/null")
	if out, err := laptop.try("su stranger -c 'oneping client status'"); err == nil || !strings.Contains(err.Error(), "as a member of the group oneping") {
		t.Errorf("a stranger asks the client: %v %s", err, out)
	}
	laptop.run("userdel member && userdel stranger")
	for _, node := range nodes { // repeating it changes nothing
		if out := machines[node].run("oneping " + role[node] + " service install"); strings.Contains(out, "write ") || strings.Contains(out, "restart") {
			t.Errorf("%s: a second install\n%s", node, out)
		}
	}
	network := operator(machines)
	page := program.Play{Page: "docs/day-two.md"}
	before := map[string]string{ // what no command of oneping does
		"tell.service": "ip addr add 192.0.2.9/25 dev eth0",
		"move.service": "ip addr del 192.0.2.1/24 dev eth0",
	}
	for _, b := range program.Page(t, page.Page) {
		if b.Lang == "text" && strings.HasSuffix(b.Place, ".service") {
			if line := before[b.Place]; line != "" {
				edge.run(line)
			}
			page.Job(t, b, network)
		}
	}
	path("the path after a day")
	connector.halt()
	laptop.halt()
	connector.boot()
	laptop.boot()
	path("the path after a reboot")

	for _, node := range nodes {
		m := machines[node]
		m.run("rm -rf *.token *.yaml *.deb *.gz *.backup other")
		for line := range strings.Lines(blocks(t, "sh", "remove")) {
			m.run(strings.Replace(line, "oneping client ", "oneping "+role[node]+" ", 1))
		}
		if node == "edge" {
			m.run("test -e /var/lib/private/oneping/edge/ca.key && rm -rf /var/lib/oneping /var/lib/private/oneping") // purging keeps that
		}
		if out := strings.Join(strings.Fields(m.run("cat /proc/sys/net/ipv4/ping_group_range; ip rule | wc -l")), " "); out != "1 0 3" {
			t.Errorf("%s: ping group range and number of rules: %s", node, out)
		}
		m.halt() // its /tmp and /run go with it
		if diff := cmp.Diff(clean[node], tree(t, m.root)); diff != "" {
			t.Errorf("%s: purged, and what is left:\n%s", node, diff)
		}
	}
}

// operator types what stands on a page into machines, by their names.
type operator map[string]*machine

// Type types a line.
func (o operator) Type(t *testing.T, node, line string) (string, int) {
	t.Helper()
	out, err := o[node].try("exec 2>&1; " + line)
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out, exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out, 0
}

// Carry carries a file.
func (o operator) Carry(t *testing.T, file, from, to string) {
	t.Helper()
	o[from].carry(file, o[to])
}

// tar installs and uninstalls services of the program alone, with no package on the machine.
func (r release) tar(t *testing.T) {
	m := r.machine(t, newNetwork(t, "t"), "edge")
	m.boot()
	run(t, time.Minute, ".", "tar", "-C", filepath.Join(m.root, "root"), "--strip-components=1", "-xzf", r.file(t, "*.tar.gz"))
	if _, err := m.try("./oneping edge service install"); err == nil || !strings.Contains(err.Error(), "sudo install /root/oneping /usr/local/bin/oneping") {
		t.Errorf("a program that the service cannot see: %v", err)
	}
	m.run("install oneping /usr/local/bin")
	clean := tree(t, m.root)
	m.run("oneping edge service install && oneping edge status")
	if out := m.run("oneping connector service install 2>&1"); !strings.Contains(out, "not ready yet: the service does not stay up\nhint: journalctl -u oneping-connector -n 20\n") {
		t.Errorf("a connector that has no token:\n%s", out)
	}
	if out := m.run("journalctl -u oneping-connector -n 20 -o cat"); !strings.Contains(out, "no token was given") {
		t.Errorf("its log does not say why:\n%s", out)
	}
	m.run("systemctl is-enabled oneping-connector")
	m.run("oneping connector check")
	m.run("oneping edge service uninstall && oneping connector service uninstall")
	if out := m.run("cat /proc/sys/net/ipv4/ping_group_range"); out != "1\t0\n" {
		t.Errorf("ping group range: %s", out)
	}
	m.run("rm -r /var/lib/oneping /var/lib/private/oneping") // who they are: uninstall keeps it, and says so
	if diff := cmp.Diff(clean, tree(t, m.root)); diff != "" {
		t.Errorf("uninstalled, and what is left:\n%s", diff)
	}
}

// wantUnprivileged looks at the service's process, from outside of the machine.
func wantUnprivileged(t *testing.T, m *machine, role, caps string) {
	t.Helper()
	pid := strings.TrimSpace(m.run("systemctl show -p MainPID --value oneping-" + role))
	status := m.run("cat /proc/" + pid + "/status")
	for _, want := range []string{"CapEff:\t" + caps, "CapPrm:\t" + caps, "CapBnd:\t" + caps, "NoNewPrivs:\t1", "Seccomp:\t2"} {
		if !strings.Contains(status, want+"\n") {
			t.Errorf("oneping-%s: no %s in\n%s", role, want, status)
		}
	}
	if strings.Contains(status, "Uid:\t0\t") {
		t.Errorf("oneping-%s runs as root", role)
	}
}
