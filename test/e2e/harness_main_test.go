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

// The program under test, and what marks every process of this run: an environment variable that all of them
// inherit.
var (
	bin  string
	mark = "ONEPING_E2E=" + rand.Text()
)

func TestMain(m *testing.M) {
	flag.Parse()
	program.Main("e2e", func(oneping string) (int, error) {
		bin = oneping
		return runAll(m)
	})
}

// runAll runs the tests and looks for what they left behind.
func runAll(m *testing.M) (int, error) {
	name, value, _ := strings.Cut(mark, "=")
	if err := os.Setenv(name, value); err != nil {
		return 1, err
	}
	code := m.Run()
	if os.Getenv("ONEPING_KEEP") == "" {
		return code, leftBehind()
	}
	return code, nil
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
