//go:build unix

package nodetest

import (
	"os"
	"syscall"
)

// strange are damages after which there is no file: to open a FIFO that nobody writes takes for ever,
// and a device may be read without an end.
func strange() []Damage {
	instead := func(f func(path string) error) func(string) error {
		return func(path string) error {
			if err := os.Remove(path); err != nil {
				return err
			}
			return f(path)
		}
	}
	return []Damage{
		{"a FIFO", instead(func(path string) error { return syscall.Mkfifo(path, 0o600) })},
		{"a device", instead(func(path string) error { return os.Symlink("/dev/zero", path) })},
	}
}
