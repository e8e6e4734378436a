package service

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// machine is a host in a directory, with a systemd that only notes what it was told.
type machine struct {
	t       *testing.T
	root    string
	said    bytes.Buffer
	ran     []string
	fail    string            // a command that fails
	failing string            // a program that fails
	says    map[string]string // what commands print
}

func newMachine(t *testing.T, files map[string]string) *machine {
	t.Helper()
	m := &machine{t: t, root: t.TempDir()}
	for path, text := range map[string]string{
		booted + "/x": "", "/etc/group": "root:x:0:\n", pingRange: "1\t0\n", "/etc/sysctl.d/x": "", ownUnitDir + "/x": "",
	} {
		m.put(path, text)
	}
	for path, text := range files {
		m.put(path, text)
	}
	return m
}

func (m *machine) put(path, text string) {
	m.t.Helper()
	path = filepath.Join(m.root, path)
	if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(text), 0o644)); err != nil {
		m.t.Fatal(err)
	}
}

// run stands for the programs that systemd brings.
func (m *machine) run(_ context.Context, argv ...string) (string, error) {
	line := strings.Join(argv, " ")
	m.ran = append(m.ran, line)
	switch {
	case line == m.fail || argv[0] == m.failing:
		return "", errors.New("exit status 1")
	case argv[0] == "systemd-sysusers":
		m.put("/etc/group", "root:x:0:\noneping:x:997:\n")
	case argv[0] == "groupdel":
		m.put("/etc/group", "root:x:0:\n")
	}
	return m.says[line], nil
}

func (m *machine) systemd(cfg Config) *systemd {
	m.said.Reset()
	m.ran = nil
	return &systemd{cfg: cfg, host: &host{root: m.root, dry: cfg.DryRun, out: &m.said, run: m.run}}
}

// tree returns every file with its mode and text.
func (m *machine) tree() map[string]string {
	m.t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(m.root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		b, err := os.ReadFile(path)
		info, ierr := d.Info()
		all[strings.TrimPrefix(path, m.root)] = info.Mode().String() + " " + string(b)
		return errors.Join(err, ierr)
	})
	if err != nil {
		m.t.Fatal(err)
	}
	return all
}

func (m *machine) want(word, said string) {
	m.t.Helper()
	if diff := cmp.Diff(said, m.said.String()); diff != "" {
		m.t.Errorf("%s says:\n%s", word, diff)
	}
}

var connectorConfig = Config{Role: proto.RoleConnector, Executable: "/opt/one ping/oneping", Token: " op1_secret\n"}

// TestInstall wants a connector installed, nothing done twice, and all of it undone.
func TestInstall(t *testing.T) {
	m := newMachine(t, nil)
	before := m.tree()
	if err := m.systemd(connectorConfig).install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.want("install", `write   /etc/sysusers.d/oneping.conf (mode 0644)
run     systemd-sysusers /etc/sysusers.d/oneping.conf
write   /etc/oneping/connector.yaml (mode 0644)
write   /etc/oneping/connector.token (mode 0600)
write   /etc/systemd/system/oneping-connector.service (mode 0644)
write   /etc/sysctl.d/49-oneping.conf (mode 0644)
set     net.ipv4.ping_group_range = 997 997
run     systemctl daemon-reload
run     systemctl enable oneping-connector.service
run     systemctl restart oneping-connector.service
`)
	installed := m.tree()
	for path, want := range map[string]string{
		"/etc/oneping/connector.token": "-rw------- op1_secret\n",
		pingRange:                      "-rw-r--r-- 997 997\n",
		SysctlFile:                     "-rw-r--r-- " + sysctlText(997),
		"/etc/systemd/system/oneping-connector.service": "\nExecStart=\"/opt/one ping/oneping\" connector run\n",
	} {
		if got := installed[path]; !strings.Contains(got, want) {
			t.Errorf("%s: %q, want %q", path, got, want)
		}
	}
	if err := m.systemd(connectorConfig).install(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.want("install again", `keep    /etc/oneping/connector.token
keep    /etc/systemd/system/oneping-connector.service
keep    ping sockets: the group oneping (997) is in net.ipv4.ping_group_range = 997 997
run     systemctl enable oneping-connector.service
run     systemctl start oneping-connector.service
`)
	if diff := cmp.Diff(installed, m.tree()); diff != "" {
		t.Errorf("the second install changed\n%s", diff)
	}
	if err := m.systemd(connectorConfig).uninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	m.want("uninstall", `run     systemctl disable --now oneping-connector.service
remove  /etc/oneping/connector.token
remove  /etc/oneping/connector.yaml
remove  /etc/systemd/system/oneping-connector.service
remove  /etc/oneping
run     systemctl daemon-reload
remove  /etc/sysctl.d/49-oneping.conf
set     net.ipv4.ping_group_range = 1 0
remove  /etc/sysusers.d/oneping.conf
remove  /etc/sysusers.d
run     groupdel oneping
keep    /var/lib/private/oneping/connector: who this connector is; the next install needs no token
`)
	before[pingRange] = "-rw-r--r-- 1 0\n"
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("uninstall left\n%s", diff)
	}
	if err := m.systemd(connectorConfig).uninstall(t.Context()); err != nil || len(m.ran) > 0 {
		t.Errorf("uninstall of nothing: %v, ran %q", err, m.ran)
	}
	m.want("uninstall of nothing", "keep    everything: oneping-connector.service is not installed\n")
}

// TestInstallLeaves wants left alone what somebody else has decided.
func TestInstallLeaves(t *testing.T) {
	unit := unitDir + "/oneping-connector.service"
	for name, c := range map[string]struct {
		files     map[string]string
		never     []string // of what is said
		left      []string // files, as they are
		installed string
	}{
		"a range of an administrator": {
			files: map[string]string{pingRange: "1000\t2000\n"}, never: []string{SysctlFile, "set     "}, left: []string{pingRange},
			installed: "warn    net.ipv4.ping_group_range = 1000 2000 was set without the group oneping (997): no ICMP until you include it\n",
		},
		"a range for everyone": {
			files: map[string]string{pingRange: "0\t2147483647\n"}, never: []string{SysctlFile, "set     "}, left: []string{pingRange},
			installed: "keep    ping sockets: the group oneping (997) is in net.ipv4.ping_group_range = 0 2147483647\n",
		},
		"a configuration file": {
			files: map[string]string{"/etc/oneping/connector.yaml": "deny: [10.0.0.1]\n"}, left: []string{"/etc/oneping/connector.yaml"},
			installed: "write   /etc/oneping/connector.token (mode 0600)\n",
		},
		"another role's group": {
			files: map[string]string{ownUnitDir + "/oneping-edge.service": "x", sysusers: "x", "/etc/group": "oneping:x:998:joe\n"},
			never: []string{"groupdel", "remove  " + sysusers}, left: []string{sysusers, "/etc/group"},
			installed: "set     net.ipv4.ping_group_range = 998 998\n",
		},
		"a package's files": {
			files: map[string]string{unit: "x", "/etc/group": "oneping:x:998:\n", "/etc/oneping/connector.yaml": "#\n"},
			never: []string{"groupdel", ownUnitDir, sysusers}, left: []string{unit, "/etc/group", "/etc/oneping/connector.yaml"},
			installed: "run     systemctl enable oneping-connector.service\n",
		},
	} {
		m := newMachine(t, c.files)
		before := m.tree()
		if err := m.systemd(connectorConfig).install(t.Context()); err != nil {
			t.Fatal(err)
		}
		said := m.said.String()
		if !strings.Contains(said, c.installed) {
			t.Errorf("%s: no %q in\n%s", name, c.installed, said)
		}
		if err := m.systemd(connectorConfig).uninstall(t.Context()); err != nil {
			t.Fatal(err)
		}
		said += m.said.String()
		for _, word := range c.never {
			if strings.Contains(said, word) {
				t.Errorf("%s: %q in\n%s", name, word, said)
			}
		}
		after := m.tree()
		for _, path := range c.left {
			if before[path] != after[path] {
				t.Errorf("%s: %s was %q and is %q", name, path, before[path], after[path])
			}
		}
	}
}

func TestInstallRefuses(t *testing.T) {
	start := "systemctl restart oneping-edge.service"
	for name, c := range map[string]struct {
		exe, fail, text, hint string
		noSystemd             bool
	}{
		"no systemd": {
			exe: "/usr/local/bin/oneping", noSystemd: true, text: "systemd does not run this host",
			hint: "let the supervisor that does run: oneping edge run; --dry-run shows the unit",
		},
		"a program in a home": {
			exe: "/root/oneping", text: "the service does not see /root/oneping: /root is hidden from it",
			hint: "sudo install /root/oneping /usr/local/bin/oneping, then sudo /usr/local/bin/oneping edge service install",
		},
		"a service that does not start": {
			exe: "/usr/local/bin/oneping", fail: start, text: "exit status 1", hint: "journalctl -u oneping-edge.service -n 20 says why",
		},
	} {
		m := newMachine(t, nil)
		m.fail = c.fail
		if c.noSystemd {
			if err := os.RemoveAll(filepath.Join(m.root, booted)); err != nil {
				t.Fatal(err)
			}
		}
		before := m.tree()
		cfg := Config{Role: proto.RoleEdge, Executable: c.exe}
		err := m.systemd(cfg).install(t.Context())
		var e *advice.Error
		if !errors.As(err, &e) || e.Text != c.text || e.Advice != c.hint {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(before, m.tree()); c.fail == "" && diff != "" {
			t.Errorf("%s: refused, and changed\n%s", name, diff)
		}
	}
}

// TestDryRun wants everything said and nothing done, and no secret shown.
func TestDryRun(t *testing.T) {
	m := newMachine(t, nil)
	before := m.tree()
	cfg := connectorConfig
	cfg.DryRun = true
	if err := m.systemd(cfg).install(t.Context()); err != nil || len(m.ran) > 0 {
		t.Errorf("%v, ran %q", err, m.ran)
	}
	if diff := cmp.Diff(before, m.tree()); diff != "" {
		t.Errorf("a dry run changed\n%s", diff)
	}
	said := m.said.String()
	if strings.Contains(said, "op1_secret") || !strings.Contains(said, "        DynamicUser=yes\n") || !strings.Contains(said, "net.ipv4.ping_group_range") {
		t.Errorf("a dry run says\n%s", said)
	}
}
