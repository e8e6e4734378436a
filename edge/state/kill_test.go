package state

import (
	"bufio"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
)

const childVariable = "ONEPING_TEST_STORE"

// TestKillChild is the process that TestKillLosesNothing kills: it writes
// tunnels as fast as it can and names each one that was acknowledged.
func TestKillChild(t *testing.T) {
	dir := os.Getenv(childVariable)
	if dir == "" {
		return // only of use as a child process
	}
	s, _ := open(t, Config{Dir: dir})
	for i := 0; ; i++ {
		name := fmt.Sprintf("t%d", i)
		if _, err := s.CreateTunnel(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		fmt.Println("acknowledged", name)
	}
}

func TestKillLosesNothing(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0], "-test.run=^TestKillChild$")
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	var names []string
	for sc := bufio.NewScanner(out); sc.Scan(); {
		if name, ok := strings.CutPrefix(sc.Text(), "acknowledged "); ok {
			names = append(names, name)
		}
		if len(names) == 100 {
			if err := cmd.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait() // killed, as asked
	if len(names) < 100 {
		t.Fatalf("the child acknowledged %d tunnels", len(names))
	}
	s, _ := open(t, Config{Dir: dir})
	for _, name := range names {
		if _, ok := s.Snapshot().Tunnel(name); !ok {
			t.Errorf("tunnel %s was acknowledged and is lost", name)
		}
	}
}
