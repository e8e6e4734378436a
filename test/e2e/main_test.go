//go:build linux

package e2e

import (
	"bytes"
	"crypto/rand"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// The program under test and the helper, and what marks every process of this
// run: an environment variable that all of them inherit.
var (
	bin, helper string
	mark        = "ONEPING_E2E=" + rand.Text()
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := runAll(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAIL: e2e:", err)
		code = 1
	}
	os.Exit(code)
}

// runAll runs the tests on freshly built programs, and looks for what they left behind.
func runAll(m *testing.M) (int, error) {
	dir, err := os.MkdirTemp("", "oneping-e2e-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	if err := os.Chmod(dir, 0o755); err != nil { // the connector runs as nobody
		return 1, err
	}
	if bin, err = program.Get(dir, "oneping", "ONEPING_BIN", "../.."); err != nil {
		return 1, err
	}
	if helper, err = program.Get(dir, "tool", "ONEPING_TOOL", "./tool"); err != nil {
		return 1, err
	}
	name, value, _ := strings.Cut(mark, "=")
	if err := os.Setenv(name, value); err != nil {
		return 1, err
	}
	// Nodes find the helper by its name.
	if err := program.OnPath(helper); err != nil {
		return 1, err
	}
	code := m.Run()
	if os.Getenv("ONEPING_KEEP") == "" {
		err = leftBehind()
	}
	return code, err
}

// leftBehind looks for processes of this run. Every namespace, device and file
// of a lab is held by one of its processes: no process, nothing left.
func leftBehind() error {
	var left []string
	for deadline := time.Now().Add(5 * time.Second); ; {
		if left = marked(); len(left) == 0 || time.Now().After(deadline) {
			break
		}
		<-time.After(50 * time.Millisecond) // a killed PID namespace empties by itself
	}
	if len(left) > 0 {
		return fmt.Errorf("processes left behind:\n  %s", strings.Join(left, "\n  "))
	}
	return nil
}

// marked lists the processes of this run except this one.
func marked() []string {
	environs, _ := filepath.Glob("/proc/[0-9]*/environ")
	var left []string
	for _, path := range environs {
		env, err := os.ReadFile(path)
		pid := filepath.Base(filepath.Dir(path))
		if err != nil || pid == fmt.Sprint(os.Getpid()) || !bytes.Contains(env, []byte(mark+"\x00")) {
			continue
		}
		cmdline, _ := os.ReadFile(filepath.Join("/proc", pid, "cmdline"))
		left = append(left, pid+" "+string(bytes.ReplaceAll(cmdline, []byte{0}, []byte{' '})))
	}
	return left
}
