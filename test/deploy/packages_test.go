//go:build linux

package deploy

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const packaged = "1.2.3~rc4" // what packages call the version: older than 1.2.3

// units asks systemd what it thinks of the units, and compares the figures with those of docs/services.md.
func (r release) units(t *testing.T) {
	root := r.layer(t)
	run(t, time.Minute, ".", "dpkg-deb", "-x", r.file(t, "*.deb"), root)
	docs, err := os.ReadFile("../../docs/services.md")
	if err != nil {
		t.Fatal(err)
	}
	systemd := strings.Fields(run(t, time.Minute, ".", "systemd-analyze", "--version"))[1]
	for _, role := range []string{"client", "connector", "edge"} {
		unit := "oneping-" + role + ".service"
		if out := run(t, time.Minute, ".", "systemd-analyze", "verify", "--man=no", "--root="+root, unit); out != "" {
			t.Errorf("%s: %s", unit, out)
		}
		out := run(t, time.Minute, ".", "systemd-analyze", "security", "--no-pager", "--offline=true", "--threshold=25", filepath.Join(root, "usr/lib/systemd/system", unit))
		m := regexp.MustCompile(`Overall exposure level for \S+: ([0-9.]+) OK`).FindStringSubmatch(out)
		if m == nil {
			t.Errorf("%s: %s", unit, out)
			continue
		}
		t.Logf("%s: exposure %s of 10 (systemd %s)", unit, m[1], systemd)
		if row := "| `" + unit + "` | " + m[1] + " |"; systemd == "252" && !strings.Contains(string(docs), row) {
			t.Errorf("docs/services.md has no %s", row)
		}
	}
}

// deb installs, uses, removes and purges the deb in a root that no systemd runs.
func (r release) deb(t *testing.T) {
	root := r.layer(t)
	before := tree(t, root)
	in := func(argv ...string) string {
		t.Helper()
		return run(t, time.Minute, ".", append([]string{"chroot", root}, argv...)...)
	}
	run(t, time.Minute, ".", "cp", r.file(t, "*.deb"), filepath.Join(root, "tmp/oneping.deb"))
	in("dpkg", "-i", "/tmp/oneping.deb")
	if out := in("oneping", "version"); out != "oneping "+version+"\n" {
		t.Errorf("version: %q", out)
	}
	if out := in("dpkg-query", "-W", "-f", "${Version}\n${Conffiles}\n", "oneping"); !strings.HasPrefix(out, packaged+"\n") || strings.Count(out, " /etc/oneping/") != 3 {
		t.Errorf("version and configuration files: %s", out)
	}
	if out := in("dpkg", "--verify", "oneping"); out != "" {
		t.Errorf("files differ from the package's list: %s", out)
	}
	gid := strings.Split(in("getent", "group", "oneping"), ":")[2]
	if text := read(t, root, "/etc/sysctl.d/49-oneping.conf"); !strings.Contains(text, "net.ipv4.ping_group_range = "+gid+" "+gid+"\n") {
		t.Errorf("the drop-in: %s", text)
	}
	for _, role := range []string{"client", "connector", "edge"} {
		if out := in("oneping", role, "config", "check"); out != "/etc/oneping/"+role+".yaml: good\n" {
			t.Errorf("the shipped file: %s", out)
		}
		in("gzip", "-t", "/usr/share/man/man1/oneping-"+role+"-service-install.1.gz")
	}
	for _, page := range []string{"man5/oneping-policy.5", "man5/oneping-edge.yaml.5", "man5/oneping-client.yaml.5", "man5/oneping-connector.yaml.5", "man7/oneping-troubleshooting.7"} {
		in("gzip", "-t", "/usr/share/man/"+page+".gz")
	}
	in("bash", "-n", "/usr/share/bash-completion/completions/oneping")
	in("gzip", "-t", "/usr/share/doc/oneping/third-party-licenses.gz")
	in("test", "-s", "/usr/share/doc/oneping/docs/troubleshooting.md")
	r.licensed(t, filepath.Join(root, "usr/share/doc/oneping"))
	if text := read(t, root, "/usr/share/doc/oneping/copyright"); !strings.Contains(text, "\nLicense: Apache-2.0\n") {
		t.Errorf("the copyright: %s", text)
	}

	edited := "deny: [10.0.0.1]\n"
	if err := os.WriteFile(filepath.Join(root, "etc/oneping/connector.yaml"), []byte(edited), 0o644); err != nil {
		t.Fatal(err)
	}
	in("dpkg", "-i", "--force-confold", "/tmp/oneping.deb") // an upgrade
	if text := read(t, root, "/etc/oneping/connector.yaml"); text != edited {
		t.Errorf("an upgrade has changed what was edited: %s", text)
	}
	in("dpkg", "-r", "oneping")
	if text := read(t, root, "/etc/oneping/connector.yaml"); text != edited {
		t.Errorf("removal has changed what was edited: %s", text)
	}
	if _, err := os.Stat(filepath.Join(root, "usr/bin/oneping")); err == nil {
		t.Error("removed, and the program is there")
	}
	_, none := os.Stat(filepath.Join(root, "var/lib/private"))
	in("mkdir", "-p", "/var/lib/private/oneping/edge", "/var/lib/private/oneping/client", "/var/lib/oneping")
	in("ln", "-s", "../private/oneping/edge", "/var/lib/oneping/edge") // as systemd has them
	in("ln", "-s", "../private/oneping/client", "/var/lib/oneping/client")
	in("touch", "/var/lib/private/oneping/edge/ca.key", "/var/lib/private/oneping/client/node.key")
	const kept = "oneping: kept /var/lib/private/oneping/edge: the edge's authority, devices and policy; " +
		"when nobody needs them: rm -rf /var/lib/oneping /var/lib/private/oneping\n"
	if out := in("dpkg", "-P", "oneping"); !strings.HasSuffix(out, kept) {
		t.Errorf("purge says %q", out)
	}
	if out := in("find", "/var/lib/oneping", "/var/lib/private/oneping"); out != "/var/lib/oneping\n/var/lib/oneping/edge\n"+
		"/var/lib/private/oneping\n/var/lib/private/oneping/edge\n/var/lib/private/oneping/edge/ca.key\n" {
		t.Errorf("purged, and of the state there is\n%s", out)
	}
	in("rm", "-rf", "/var/lib/oneping", "/var/lib/private/oneping")
	if none != nil {
		in("rmdir", "/var/lib/private")
	}
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("purged, and what is left:\n%s", diff)
	}
}

// rpm does the same with the rpm. Debian's rpm knows none of the packages here, so dependencies are
// not looked at.
func (r release) rpm(t *testing.T) {
	root := r.layer(t)
	before := tree(t, root)
	file := r.file(t, "*.rpm")
	rpm := func(argv ...string) string {
		t.Helper()
		return run(t, time.Minute, ".", append([]string{"rpm", "--root", root}, argv...)...)
	}
	if out := rpm("-qp", "--qf", "%{VERSION} %{BUILDHOST}", file); out != packaged+" oneping" {
		t.Errorf("version and build host: %s", out)
	}
	if out := rpm("-qpc", file); out != "/etc/oneping/client.yaml\n/etc/oneping/connector.yaml\n/etc/oneping/edge.yaml\n" {
		t.Errorf("configuration files: %s", out)
	}
	rpm("-i", "--nodeps", file)
	if out := run(t, time.Minute, ".", "chroot", root, "/usr/bin/oneping", "version"); out != "oneping "+version+"\n" {
		t.Errorf("version: %q", out)
	}
	if out := rpm("-V", "--nodeps", "oneping"); out != "" {
		t.Errorf("files differ from the package's list: %s", out)
	}
	run(t, time.Minute, ".", "chroot", root, "getent", "group", "oneping")
	r.licensed(t, filepath.Join(root, "usr/share/doc/oneping"))
	if out := rpm("-qp", "--qf", "%{LICENSE}", file); out != "Apache-2.0" {
		t.Errorf("licence: %s", out)
	}
	rpm("-e", "--nodeps", "oneping")
	run(t, time.Minute, ".", "chroot", root, "groupdel", "oneping") // rpm keeps groups, whose files may be left
	if diff := cmp.Diff(before, tree(t, root)); diff != "" {
		t.Errorf("erased, and what is left:\n%s", diff)
	}
}

// licensed looks for the licence and for how to report a vulnerability, as they are in the tree.
func (r release) licensed(t *testing.T, dir string) {
	t.Helper()
	for _, name := range []string{"LICENSE", "SECURITY.md"} {
		if read(t, dir, name) != read(t, "../..", name) {
			t.Errorf("%s of %s is not the tree's", name, dir)
		}
	}
}

func read(t *testing.T, root, path string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(root, path))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
