//go:build linux

package e2e

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/oneping/oneping/edge/state"
)

// TestDamagedStore flips a bit in the store at ten places in turn: the edge names the damage and the
// way out, or serves all twenty tunnels; and after `edge restore` it serves all of them.
func TestDamagedStore(t *testing.T) {
	const tunnels = 20
	good := filepath.Join(openDir(t), "good")
	if err := os.Mkdir(good, 0o755); err != nil {
		t.Fatal(err)
	}
	e := startDamaged(t, good)
	if out := e.await(); out != "" {
		t.Fatal(out)
	}
	for i := range tunnels {
		name := fmt.Sprintf("t%d", i)
		if _, err := e.admin().CreateTunnel(t.Context(), name, 0); err != nil {
			t.Fatal(err)
		}
		if _, err := e.admin().TunnelToken(t.Context(), name); err != nil {
			t.Fatal(err)
		}
	}
	_ = e.cmd.Process.Signal(syscall.SIGTERM)
	<-e.done
	var all sync.WaitGroup
	for k := range 10 {
		all.Go(func() {
			dir := fmt.Sprintf("%s-%d", good, k)
			copyTree(t, good, dir)
			path := filepath.Join(dir, "nats/jetstream/$G/streams/KV_oneping/msgs/1.blk")
			b, err := os.ReadFile(path)
			if err != nil {
				t.Error(err)
				return
			}
			b[len(b)*k/10+5] ^= 1
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Error(err)
				return
			}
			first := startDamaged(t, dir)
			said := first.await()
			if said == "" {
				countTunnels(t, first, tunnels)
			} else if !strings.Contains(said, "oneping: error: open store: "+filepath.Join(dir, "nats")) ||
				!strings.Contains(said, "\nhint: make it anew from what was acknowledged: oneping edge restore --state-dir "+dir+";") {
				t.Errorf("bit at %d/10: it says\n%s", k, said)
			}
			first.kill()
			restored(t, dir, 2*tunnels+1) // a tunnel with its token, and the address plan
			second := startDamaged(t, dir)
			defer second.kill()
			if said := second.await(); said != "" {
				t.Errorf("bit at %d/10: after the restore it says\n%s", k, said)
				return
			}
			countTunnels(t, second, tunnels)
		})
	}
	all.Wait()
}

func countTunnels(t *testing.T, e *damagedEdge, want int) {
	t.Helper()
	if got, err := e.admin().Tunnels(t.Context()); err != nil || len(got) != want {
		t.Errorf("%d of %d tunnels, %v", len(got), want, err)
	}
}

// restored restores a store and wants so many entries in it.
func restored(t *testing.T, dir string, want int) {
	t.Helper()
	out, err := exec.Command(bin, "edge", "restore", "--state-dir", dir, "--json").Output()
	var got state.Restored
	if err == nil {
		err = json.Unmarshal(out, &got)
	}
	n := 0
	for _, p := range got.Parts {
		n += p.Count
	}
	if err != nil || n != want || got.Lost != 0 || len(got.Faults) != 0 || len(got.Aside) != 1 || !strings.HasPrefix(got.Aside[0], dir+"/nats.damaged-") {
		t.Errorf("restored %+v, %v", got, err)
	}
}
