package holder

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/oneping/oneping/internal/lab"
)

// hostDir is where the host's root is while it is taken apart.
const hostDir = "/.oneping-host"

// buildRoot replaces the root of this mount namespace. Nothing of it reaches
// the host; the host's later mounts appear here (MS_SLAVE).
func buildRoot() error {
	if err := unix.Mount("", "/", "", unix.MS_SLAVE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	stage, err := stageDir()
	if err != nil {
		return err
	}
	if err := unix.Mount("oneping-lab", stage, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755"); err != nil {
		return fmt.Errorf("mount tmpfs: %w", err)
	}
	if err := os.Mkdir(filepath.Join(stage, hostDir), 0o700); err != nil {
		return err
	}
	if err := unix.PivotRoot(stage, filepath.Join(stage, hostDir)); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	return populateRoot()
}

// stageDir returns a directory that can be covered for a moment.
func stageDir() (string, error) {
	for _, dir := range []string{"/tmp", "/run", "/var", "/mnt"} {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return dir, nil
		}
	}
	return "", errors.New("mount tmpfs: no directory to mount on")
}

func populateRoot() error {
	entries, err := os.ReadDir(hostDir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.Name() == "proc" {
			continue
		}
		if err := showHost(entry); err != nil {
			return err
		}
	}
	if err := mountProc(); err != nil {
		return err
	}
	if err := unix.Unmount(hostDir, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("detach host root: %w", err)
	}
	return os.Remove(hostDir)
}

// showHost makes one entry of the host's root visible in the new one. What cannot
// be shown, because this user may not see it or it is just going away, is empty.
func showHost(entry os.DirEntry) error {
	source, target := filepath.Join(hostDir, entry.Name()), "/"+entry.Name()
	switch {
	case entry.Type()&os.ModeSymlink != 0:
		link, err := os.Readlink(source)
		if err != nil {
			return err
		}
		return os.Symlink(link, target)
	case entry.IsDir():
		if err := os.Mkdir(target, 0o755); err != nil {
			return err
		}
	default:
		if err := os.WriteFile(target, nil, 0o644); err != nil {
			return err
		}
	}
	_ = bind(source, target)
	return nil
}

// mountProc shows the processes of the lab. Where a container hides parts of
// /proc a fresh one is refused; the old one then serves, with foreign numbers.
func mountProc() error {
	if err := os.Mkdir("/proc", 0o555); err != nil {
		return err
	}
	err := unix.Mount("proc", "/proc", "proc", unix.MS_NOSUID|unix.MS_NODEV|unix.MS_NOEXEC, "")
	if err == nil {
		return nil
	}
	if bind(filepath.Join(hostDir, "proc"), "/proc") == nil {
		return nil
	}
	return fmt.Errorf("mount /proc: %w", err)
}

func bind(source, target string) error {
	if err := unix.Mount(source, target, "", unix.MS_BIND|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("show %s: %w", target, err)
	}
	return nil
}

// furnish fills Dir: this binary under its name, and the name files of a
// network that has no resolver. binary is an open file of the running program.
func furnish(t *lab.Topology, binary *os.File) error {
	for _, dir := range []string{"", "bin", "etc", "log", "run"} {
		if err := os.MkdirAll(filepath.Join(lab.Dir, dir), 0o755); err != nil {
			return err
		}
	}
	if err := installBinary(binary); err != nil {
		return err
	}
	covers := map[string]string{
		"/etc/hosts":         hostsFile(t) + readOptional("/etc/hosts"),
		"/etc/resolv.conf":   "# the lab has no resolver\noptions timeout:1 attempts:1\n",
		"/etc/nsswitch.conf": switchToFiles(readOptional("/etc/nsswitch.conf")),
	}
	for _, profile := range loginProfiles() {
		covers[profile] = withBinary(readOptional(profile))
	}
	for target, text := range covers {
		if err := cover(target, text); err != nil {
			return err
		}
	}
	return nil
}

// cover puts text over a file of the host, if there is one.
func cover(target, text string) error {
	if _, err := os.Stat(target); err != nil {
		return nil
	}
	source := filepath.Join(lab.Dir, target)
	if err := os.WriteFile(source, []byte(text), 0o644); err != nil {
		return err
	}
	return bind(source, target)
}

// installBinary puts the running program at Dir/bin/oneping. A binary that
// only its owner may execute is copied: the connector is another user.
func installBinary(binary *os.File) error {
	info, err := binary.Stat()
	if err != nil {
		return err
	}
	target := filepath.Join(lab.Dir, "bin", "oneping")
	out, err := os.OpenFile(target, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		return err
	}
	defer out.Close()
	source := fmt.Sprintf("/proc/self/fd/%d", binary.Fd())
	if info.Mode()&0o005 == 0o005 && bind(source, target) == nil {
		return nil
	}
	if _, err := io.Copy(out, binary); err != nil {
		return fmt.Errorf("copy program: %w", err)
	}
	return out.Close()
}

func readOptional(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	return string(text)
}

// hostsFile names the nodes by the addresses that tools show; a router may show
// any of its own.
func hostsFile(t *lab.Topology) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s edge\n%s edge\n", lab.HopV4, lab.HopV6)
	for _, node := range t.Nodes {
		if node.Name == "edge" || node.Kind == lab.KindSwitch {
			continue
		}
		ends := t.Ends(node.Name)
		slices.Reverse(ends)
		if node.Kind != lab.KindRouter {
			ends = ends[:1]
		}
		for _, end := range ends {
			for _, prefix := range end.Addrs {
				fmt.Fprintf(&b, "%s %s\n", prefix.Addr(), node.Name)
			}
		}
	}
	return b.String()
}

// loginProfiles are the files with which a login shell (`bash -l`, `su -`) makes its path anew:
// bash, dash and ksh read the first, zsh one of the others.
func loginProfiles() []string { return []string{"/etc/profile", "/etc/zprofile", "/etc/zsh/zprofile"} }

// withBinary puts this binary in front of the path that a login profile makes, as nodeEnv does for
// every other command.
func withBinary(profile string) string {
	return profile + "\nPATH=" + filepath.Join(lab.Dir, "bin") + ":$PATH\n"
}

// switchToFiles keeps name look-ups away from the host's resolver service,
// which answers from outside the lab's network.
func switchToFiles(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if strings.HasPrefix(strings.TrimSpace(line), "hosts:") {
			lines[i] = "hosts: files dns"
		}
	}
	return strings.Join(lines, "\n")
}
