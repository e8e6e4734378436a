package holder

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// namespace is one node's network: a locked thread that lives in it. The
// thread also has its own host name and its own mounts, so that /sys shows
// the node's devices.
type namespace struct {
	name string
	file *os.File // the network namespace itself
	work chan func()
}

// newNamespace makes a namespace. It lasts as long as the holder.
func newNamespace(name string) (*namespace, error) {
	ns := &namespace{name: name, work: make(chan func())}
	ready := make(chan error)
	go ns.serve(ready)
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("create namespace %s: %w", name, err)
	}
	return ns, nil
}

// serve never unlocks its thread: it must not run anything else again.
func (ns *namespace) serve(ready chan<- error) {
	runtime.LockOSThread()
	err := ns.enter()
	ready <- err
	if err != nil {
		return
	}
	for f := range ns.work {
		f()
	}
}

func (ns *namespace) enter() error {
	if err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWUTS | unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("unshare: %w", err)
	}
	if err := unix.Sethostname([]byte(ns.name)); err != nil {
		return fmt.Errorf("set host name: %w", err)
	}
	// A /sys of this network is a comfort; some containers forbid the mount, or
	// allow it only read-only.
	const flags = unix.MS_NOSUID | unix.MS_NODEV | unix.MS_NOEXEC
	if unix.Mount("sysfs", "/sys", "sysfs", flags, "") != nil {
		_ = unix.Mount("sysfs", "/sys", "sysfs", flags|unix.MS_RDONLY, "")
	}
	file, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("open namespace: %w", err)
	}
	ns.file = file
	return nil
}

// do runs f on the namespace's thread and returns its error.
func (ns *namespace) do(f func() error) error {
	done := make(chan error, 1)
	ns.work <- func() { done <- f() }
	return <-done
}

// sysctl writes settings below /proc/sys/net. Settings that this kernel does
// not have (IPv6 off, older kernels) are left out.
func (ns *namespace) sysctl(settings map[string]string) error {
	return ns.do(func() error {
		for name, value := range settings {
			path := filepath.Join("/proc/sys/net", name)
			err := os.WriteFile(path, []byte(value), 0o644)
			if err != nil && !errors.Is(err, os.ErrNotExist) {
				return fmt.Errorf("set %s: %w", path, err)
			}
		}
		return nil
	})
}
