//go:build linux

package osroute

import (
	"os"
	"os/exec"
	"syscall"
	"testing"
)

const inNamespace = "ONEPING_OSROUTE_NAMESPACE"

// namespaced runs the calling test again in a child process with a network namespace of its own and returns true in
// that child; the parent reports the child's result. It skips where namespaces need rights that the test lacks.
func namespaced(t *testing.T) bool {
	t.Helper()
	if os.Getenv(inNamespace) == t.Name() {
		return true
	}
	if os.Getuid() != 0 {
		t.Skip("needs root: makes a network namespace and a TUN device")
	}
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env = append(os.Environ(), inNamespace+"="+t.Name())
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("in its namespace: %v\n%s", err, out)
	}
	return false
}
