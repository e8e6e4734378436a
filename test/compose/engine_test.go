//go:build linux

package compose

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// maxCache bounds the images that are kept from run to run, in bytes; above it they are made anew.
const maxCache = 6 << 30

// engine is a container engine that lives as long as the test wants.
type engine struct {
	dir    string // socket and log
	cgroup string // parent of all containers' groups
	cmd    *exec.Cmd
	done   chan struct{} // it has ended
}

// lockCache takes the folder with the images, for one run at a time, and returns it.
func lockCache(t *testing.T) string {
	t.Helper()
	base, err := os.UserCacheDir()
	if err != nil {
		base = "/root/.cache" // a service without $HOME
	}
	dir := filepath.Join(base, "oneping", "engine")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	f, err := os.Create(filepath.Join(dir, "lock"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(dir, "data")
	if size(t, data) > maxCache {
		t.Logf("%s has outgrown its bound: making all images anew", data)
		wipe(t, data)
	}
	return data
}

// wipe removes the images.
func wipe(t *testing.T, data string) {
	t.Helper()
	if err := os.RemoveAll(data); err != nil {
		t.Fatal(err)
	}
}

func size(t *testing.T, dir string) (n int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			n += info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// startEngine starts an engine. isolated: in a network of its own, without a way out; else in this
// machine's, of which it changes nothing: containers can only use that network as it is.
func startEngine(t *testing.T, data string, isolated bool) (*engine, error) {
	t.Helper()
	dir, err := os.MkdirTemp("", "oneping-engine-") // not t.TempDir: a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	e := &engine{dir: dir, cgroup: "/" + filepath.Base(dir), done: make(chan struct{})}
	args := []string{"--mount", "--pid", "--fork", "--kill-child"}
	flags := []string{"--bridge=none", "--iptables=false", "--ip-forward=false", "--ip-masq=false"}
	if isolated {
		args, flags = append(args, "--net"), nil
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	e.cmd = exec.Command("unshare", append(append(args, "sh", "engine.sh", dir, data, e.cgroup), flags...)...)
	e.cmd.Stdout, e.cmd.Stderr = log, log
	e.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setsid: true}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = e.cmd.Wait()
		close(e.done)
	}()
	t.Cleanup(func() { e.stop(t) })
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		out, err := e.command(ctx, "docker", "version").CombinedOutput()
		if err == nil {
			return e, nil
		}
		select {
		case <-e.done:
			return nil, fmt.Errorf("the engine ended: %s", e.lastLog())
		case <-ctx.Done():
			return nil, fmt.Errorf("the engine does not answer: %s%s", out, e.lastLog())
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// command returns a command that talks to this engine.
func (e *engine) command(ctx context.Context, argv ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+filepath.Join(e.dir, "docker.sock"), "COMPOSE_PROJECT_NAME="+project,
		"ONEPING_VERSION="+version, "COMPOSE_ANSI=never", "COMPOSE_INTERACTIVE_NO_CLI=1")
	cmd.WaitDelay = 5 * time.Second
	return cmd
}

// lastLog returns the last lines that the engine wrote.
func (e *engine) lastLog() string {
	b, _ := os.ReadFile(filepath.Join(e.dir, "log"))
	lines := strings.Split(strings.TrimSpace(string(b)), "\n")
	return strings.Join(lines[max(0, len(lines)-15):], "\n")
}

// stop ends the engine with its containers and looks for what is left of it. It may be repeated.
func (e *engine) stop(t *testing.T) {
	t.Helper()
	select {
	case <-e.done:
	default:
		e.terminate(t)
	}
	e.removeGroups(t)
}

// terminate asks the engine to end, and kills its namespace where it does not.
func (e *engine) terminate(t *testing.T) {
	t.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%[1]d/children", e.cmd.Process.Pid))
	if err != nil {
		t.Error(err)
	}
	var first int // of the namespace
	if _, err := fmt.Sscan(string(children), &first); err == nil {
		_ = syscall.Kill(first, syscall.SIGTERM)
	}
	select {
	case <-e.done:
	case <-time.After(20 * time.Second):
		t.Errorf("the engine does not end:\n%s", e.lastLog())
		_ = e.cmd.Process.Kill()
		<-e.done
	}
}

// removeGroups removes the control groups of the containers, which no namespace holds.
func (e *engine) removeGroups(t *testing.T) {
	t.Helper()
	groups, _ := filepath.Glob("/sys/fs/cgroup/*" + e.cgroup)
	if own := "/sys/fs/cgroup" + e.cgroup; exists(own) { // version 2
		groups = append(groups, own)
	}
	for _, g := range groups {
		var dirs []string
		_ = filepath.WalkDir(g, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.IsDir() {
				dirs = append(dirs, path)
			}
			return nil
		})
		for i := len(dirs) - 1; i >= 0; i-- { // the inner ones first
			_ = os.Remove(dirs[i])
		}
		if exists(g) {
			t.Errorf("%s is left", g)
		}
	}
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
