//go:build linux

package deploy

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// version is what the test's release calls itself.
const version = "1.2.3-rc4"

// TestDeploy builds a release once and puts it to use. The parts are independent of each other.
func TestDeploy(t *testing.T) {
	if os.Getuid() != 0 {
		program.LeaveOut(t, "installing packages in a root needs root")
	}
	t.Setenv("PATH", os.Getenv("PATH")+":/usr/sbin:/sbin:/usr/local/go/bin")
	program.Needs(t, "debootstrap", "systemd-nspawn", "systemd-analyze", "rpmbuild", "ip")
	r := release{base: strings.TrimSpace(run(t, 10*time.Minute, "../..", "scripts/debian-root.sh")), dir: build(t, "../..")}
	for name, part := range map[string]func(*testing.T){
		"two builds": r.sameTwice, "without rpmbuild": r.withoutRPM, "units": r.units, "deb": r.deb, "rpm": r.rpm,
		"services": r.services, "tar": r.tar, "bare": r.bare,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			part(t)
		})
	}
}

// release is the files of a release for this machine, and the root that they are tried in.
type release struct{ base, dir string }

// file returns the one file of the release that a pattern names.
func (r release) file(t *testing.T, pattern string) string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(r.dir, pattern))
	if err != nil || len(all) != 1 {
		t.Fatalf("%s: %q, %v", pattern, all, err)
	}
	return all[0]
}

// build builds a release of this machine's platform from the tree in dir, with these variables beside
// the environment.
func build(t *testing.T, dir string, env ...string) string {
	t.Helper()
	out := t.TempDir()
	argv := append([]string{"env", "ONEPING_PLATFORMS=linux/" + runtime.GOARCH}, env...)
	run(t, 10*time.Minute, dir, append(argv, "scripts/release.sh", "-o", out, "v"+version)...)
	return out
}

// copyOfTree returns a copy of the tree's files in another directory.
func copyOfTree(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	run(t, time.Minute, "../..", "sh", "-c", "git ls-files -co --exclude-standard | while read -r f; do [ ! -e \"$f\" ] || echo \"$f\"; done | tar -cT - | tar -x -C "+dir)
	return dir
}

// goEnv returns what Go says of its variables, as environment: its caches lie below HOME.
func goEnv(t *testing.T, names ...string) []string {
	t.Helper()
	for i, name := range names {
		names[i] += "=" + strings.TrimSpace(run(t, time.Minute, ".", "go", "env", name))
	}
	return names
}

// sameTwice builds a copy of the tree in another directory, for another user with another language.
func (r release) sameTwice(t *testing.T) {
	epoch := strings.TrimSpace(run(t, time.Minute, "../..", "git", "log", "-1", "--format=%ct"))
	env := append(goEnv(t, "GOMODCACHE", "GOCACHE"), "SOURCE_DATE_EPOCH="+epoch, "HOME="+t.TempDir(), "LANG=C.UTF-8")
	again := build(t, copyOfTree(t), env...)
	first, second := sums(t, r.dir), sums(t, again)
	if first != second || strings.Count(first, "\n") != 3 {
		t.Errorf("the first build:\n%sthe second:\n%s", first, second)
	}
}

// withoutRPM builds on a machine that has no rpmbuild: the rest is made, the same, and the rpm is named.
func (r release) withoutRPM(t *testing.T) {
	out := t.TempDir()
	said := run(t, 10*time.Minute, "../..", "unshare", "--mount", "sh", "-ec", `mount --bind /dev/null "$(command -v rpmbuild)"
		ONEPING_PLATFORMS=linux/`+runtime.GOARCH+` exec scripts/release.sh -o `+out+` v`+version+` 2>&1`)
	if want := "\nleft out: rpm: rpmbuild is not installed (Debian: rpm)\n"; !strings.HasSuffix(said, want) {
		t.Errorf("it said\n%s\nwant at its end %q", said, want)
	}
	var rest []string
	for line := range strings.Lines(sums(t, r.dir)) {
		if !strings.HasSuffix(line, ".rpm\n") {
			rest = append(rest, line)
		}
	}
	if got, want := sums(t, out), strings.Join(rest, ""); got != want {
		t.Errorf("without rpmbuild:\n%swith it, but for the rpm:\n%s", got, want)
	}
}

func sums(t *testing.T, dir string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	run(t, time.Minute, dir, "sha256sum", "--check", "--quiet", "SHA256SUMS")
	return string(b)
}

// run runs a program and returns what it wrote to standard output.
func run(t *testing.T, limit time.Duration, dir string, argv ...string) string {
	t.Helper()
	out, err := try(t, limit, dir, argv...)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func try(t *testing.T, limit time.Duration, dir string, argv ...string) (string, error) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Start(); err != nil {
		return "", err
	}
	timer := time.AfterFunc(limit, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		return stdout.String(), fmt.Errorf("%s: %w\n%s%s", strings.Join(argv, " "), err, &stdout, &stderr)
	}
	return stdout.String(), nil
}

// layer returns a root that starts as the clean one and keeps its own changes.
func (r release) layer(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for _, name := range []string{"upper", "work", "root"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	root := filepath.Join(dir, "root")
	run(t, time.Minute, dir, "mount", "-t", "overlay", "oneping-test", "-o", "lowerdir="+r.base+",upperdir="+dir+"/upper,workdir="+dir+"/work", root)
	t.Cleanup(func() { run(t, time.Minute, dir, "umount", root) })
	return root
}

// passing are places whose content is the package manager's or the boot's own business.
var passing = []string{
	"/var/lib/dpkg", "/var/lib/rpm", "/root/.rpmdb", "/var/log", "/var/cache", "/var/lib/apt", "/var/lib/systemd", "/tmp", "/run", "/proc", "/sys", "/dev",
	"/var/tmp", "/etc/group-", "/etc/gshadow-", "/etc/passwd-", "/etc/shadow-", "/etc/subgid-", "/etc/subuid-", "/etc/machine-id", "/etc/ld.so.cache",
}

// tree returns every path of a root with mode and, for accounts, text.
func tree(t *testing.T, root string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		short := strings.TrimPrefix(path, root)
		for _, p := range passing {
			if short == p {
				if d.IsDir() {
					return fs.SkipDir
				}
				return nil
			}
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[short] = info.Mode().String()
		if short == "/etc/group" || short == "/etc/gshadow" || short == "/etc/passwd" {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all[short] += " " + string(b)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
