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
	t.Run("two builds", r.sameTwice)
	t.Run("units", r.units)
	t.Run("deb", r.deb)
	t.Run("rpm", r.rpm)
	t.Run("services", r.services)
	t.Run("tar", r.tar)
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

// build builds a release of this machine's platform from the tree in dir.
func build(t *testing.T, dir string) string {
	t.Helper()
	out := t.TempDir()
	t.Setenv("ONEPING_PLATFORMS", "linux/"+runtime.GOARCH)
	run(t, 10*time.Minute, dir, "scripts/release.sh", "-o", out, "v"+version)
	return out
}

// sameTwice builds a copy of the tree in another directory, for another user with another language.
func (r release) sameTwice(t *testing.T) {
	copied := t.TempDir()
	run(t, time.Minute, "../..", "sh", "-c", "git ls-files -co --exclude-standard | while read -r f; do [ ! -e \"$f\" ] || echo \"$f\"; done | tar -cT - | tar -x -C "+copied)
	epoch := strings.TrimSpace(run(t, time.Minute, "../..", "git", "log", "-1", "--format=%ct"))
	for _, name := range []string{"GOMODCACHE", "GOCACHE"} { // they lie below HOME
		t.Setenv(name, strings.TrimSpace(run(t, time.Minute, ".", "go", "env", name)))
	}
	t.Setenv("SOURCE_DATE_EPOCH", epoch)
	t.Setenv("HOME", t.TempDir())
	t.Setenv("LANG", "C.UTF-8")
	again := build(t, copied)
	first, second := sums(t, r.dir), sums(t, again)
	if first != second || strings.Count(first, "\n") != 3 {
		t.Errorf("the first build:\n%sthe second:\n%s", first, second)
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
