//go:build linux

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/local"
)

// nobody is the user whose files are damaged here, where we are root: root reads what nobody may.
const nobody = 65534

// stored makes the state directory of an edge with five tunnels and their tokens, a route, two devices,
// one of them revoked, a connector, a policy and an audit log. The edge is stopped, or killed.
func stored(t *testing.T, dir string, sig os.Signal) {
	t.Helper()
	if out, err := exec.Command(bin, "edge", "init", "--state-dir", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	store := state.New(state.Config{Dir: dir})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- store.Run(ctx) }()
	select {
	case <-store.Ready():
	case err := <-done:
		t.Fatal(err)
	}
	tunnel, err := store.CreateTunnel(ctx, "berlin")
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = store.PutConnector(ctx, model.Connector{ID: "c1", Tunnel: tunnel.ID, KeyHash: []byte("c1")})
	for _, id := range []string{"d1", "d2"} {
		_, e := store.AllocateDevice(ctx, model.Device{ID: id, User: "alice@example.com", KeyHash: []byte(id)})
		err = errors.Join(err, e)
	}
	if err = errors.Join(err, store.RevokeDevice(ctx, "d2")); err != nil {
		t.Fatal(err)
	}
	cancel()
	<-done
	e := startDamaged(t, dir)
	if out := e.await(); out != "" {
		t.Fatal(out)
	}
	c := e.admin()
	for _, name := range []string{"lyon", "oslo", "paris", "rome"} {
		_, e := c.CreateTunnel(t.Context(), name, 0)
		_, f := c.TunnelToken(t.Context(), name)
		err = errors.Join(err, e, f)
	}
	_, a := c.AddRoute(t.Context(), "10.1.0.0/16", "rome", false)
	_, b := c.ApplyPolicy(t.Context(), "grants:\n- id: all\n  who: [alice@example.com]\n  to: [10.1.0.0/16]\n  how: [icmp]\n")
	if err := errors.Join(err, a, b); err != nil {
		t.Fatal(err)
	}
	_ = e.cmd.Process.Signal(sig)
	<-e.done
}

// damagedEdge is an edge on a directory that may be damaged.
type damagedEdge struct {
	dir  string
	cmd  *exec.Cmd
	log  *bytes.Buffer
	done chan struct{}
}

func startDamaged(t *testing.T, dir string) *damagedEdge {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := c.LocalAddr().String()
	_ = c.Close()
	e := &damagedEdge{dir: dir, log: new(bytes.Buffer), done: make(chan struct{})}
	e.cmd = exec.Command(bin, "edge", "run", "--state-dir", dir, "--listen", addr, "--advertise", addr, "--log-level", "warn")
	e.cmd.Stderr, e.cmd.WaitDelay = e.log, time.Second
	if os.Geteuid() == 0 {
		if _, err := os.Stat("/proc/self/setgroups"); err == nil && !rootless() {
			e.cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
			if err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
				return errors.Join(err, os.Lchown(path, nobody, nobody))
			}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = e.cmd.Wait()
		close(e.done)
	}()
	return e
}

// rootless says that we are root in a user namespace alone.
func rootless() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Fields(string(b))[2] != "4294967295"
}

func (e *damagedEdge) admin() *admin.Client { return admin.NewClient(local.Socket(e.dir)) }

// await waits until the edge serves, "", or has ended: then what it has said. One that does neither
// within 30 s hangs.
func (e *damagedEdge) await() string {
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	for {
		select {
		case <-e.done:
			return e.log.String()
		case <-ctx.Done():
			return "it hangs"
		case <-time.After(20 * time.Millisecond):
		}
		if _, err := e.admin().Policy(ctx); err == nil {
			return ""
		}
	}
}

// kill ends it.
func (e *damagedEdge) kill() {
	_ = e.cmd.Process.Kill()
	<-e.done
}

// holds returns everything that an edge serves, as text.
func (e *damagedEdge) holds() (all string, events int, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	c := e.admin()
	tunnels, err := c.Tunnels(ctx)
	routes, e1 := c.Routes(ctx)
	devices, e2 := c.Devices(ctx)
	policy, e3 := c.Policy(ctx)
	audit, e4 := c.AuditLog(ctx, 1000)
	var tokens []string
	for _, t := range []string{"lyon", "oslo", "paris", "rome"} {
		token, err := c.TunnelToken(ctx, t)
		e4 = errors.Join(e4, err)
		tokens = append(tokens, token.ID)
	}
	for i := range tunnels {
		for k := range tunnels[i].Connectors {
			tunnels[i].Connectors[k].LastSeen = time.Time{}
		}
	}
	for i := range devices {
		devices[i].LastSeen = time.Time{}
	}
	b, e5 := json.MarshalIndent(map[string]any{"tunnels": tunnels, "routes": routes, "devices": devices, "policy": policy, "tokens": tokens}, "", " ")
	return string(b), len(audit), errors.Join(err, e1, e2, e3, e4, e5)
}

// damage is one way in which a file is damaged.
type damage struct {
	name string
	do   func(path string) error
}

func damages() []damage {
	rewrite := func(f func([]byte) []byte) func(string) error {
		return func(path string) error {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			return os.WriteFile(path, f(b), 0o600)
		}
	}
	out := []damage{
		{"truncated", rewrite(func(b []byte) []byte { return b[:len(b)/2] })},
		{"emptied", rewrite(func([]byte) []byte { return nil })},
		{"zeroed", rewrite(func(b []byte) []byte { return make([]byte, len(b)) })},
		{"missing", os.Remove},
	}
	const bits = 10
	for i := range bits {
		out = append(out, damage{fmt.Sprintf("bit at %d/%d", i, bits), rewrite(func(b []byte) []byte {
			if len(b) > 0 {
				b[min(len(b)*i/bits+5, len(b)-1)] ^= 1
			}
			return b
		})})
	}
	return out
}

// TestDamagedStateDirectory damages each file of an edge's state directory in each way. The edge
// refuses, with the file and a hint, or everything is there, and it can be changed.
func TestDamagedStateDirectory(t *testing.T) {
	type trial struct {
		good, file, want string
		damage           damage
	}
	var trials []trial
	for i, sig := range []os.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		good := filepath.Join(openDir(t), "good")
		if err := os.Mkdir(good, 0o755); err != nil {
			t.Fatal(err)
		}
		stored(t, good, sig)
		whole := good + ".whole"
		copyTree(t, good, whole)
		e := startDamaged(t, whole)
		if out := e.await(); out != "" {
			t.Fatal(out)
		}
		want, _, err := e.holds()
		if err != nil {
			t.Fatal(err)
		}
		e.kill()
		for _, file := range filesBelow(t, good) {
			if i > 0 && !strings.Contains(file, "/KV_oneping/") {
				continue // what differs after a kill
			}
			all := damages()
			if os.Geteuid() != 0 || !rootless() {
				all = append(all, damage{"unreadable", func(path string) error { return os.Chmod(path, 0) }})
			}
			for _, d := range all {
				trials = append(trials, trial{good, file, want, d})
			}
		}
	}
	lines := make([]string, len(trials))
	next := make(chan int)
	var workers sync.WaitGroup
	base := openDir(t)
	for range 8 {
		workers.Go(func() {
			for i := range next {
				x := trials[i]
				dir := filepath.Join(base, fmt.Sprint(i))
				copyTree(t, x.good, dir)
				path := filepath.Join(dir, x.file)
				if err := x.damage.do(path); err != nil {
					t.Error(err)
					continue
				}
				outcome := judgeDamaged(t, dir, x.want)
				lines[i] = fmt.Sprintf("%-60s %-12s %s", x.file, x.damage.name, strings.ReplaceAll(outcome, dir+"/", ""))
				if err := os.RemoveAll(dir); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for i := range trials {
		next <- i
	}
	close(next)
	workers.Wait()
	t.Log("\n" + strings.Join(lines, "\n"))
	for _, line := range lines {
		if strings.Contains(line, "WRONG") {
			t.Error(line)
		}
	}
}

// judgeDamaged starts an edge on a directory and says how that went; what is not right begins with WRONG.
func judgeDamaged(t *testing.T, dir, want string) string {
	e := startDamaged(t, dir)
	defer e.kill()
	if said := strings.TrimSpace(e.await()); said != "" {
		lines := strings.Split(said, "\n")
		n := len(lines)
		if n < 2 || !strings.HasPrefix(lines[n-1], "hint: ") || !strings.HasPrefix(lines[n-2], "oneping: error: ") || !strings.Contains(lines[n-2], dir) {
			return "WRONG: " + said
		}
		return "refused: " + strings.TrimPrefix(lines[n-2], "oneping: error: ")
	}
	got, events, err := e.holds()
	if err != nil || got != want {
		return fmt.Sprintf("WRONG: it serves, %v, %s\n%s", err, got, e.log)
	}
	if _, err := e.admin().CreateTunnel(context.Background(), "wien", 0); err != nil {
		return fmt.Sprintf("WRONG: it cannot be changed: %v", err)
	}
	e.kill()
	switch said := e.log.String(); {
	case strings.Contains(said, "the audit log has lost events") && strings.Contains(said, "/nats/jetstream/$G/streams/oneping-audit"):
		return fmt.Sprintf("everything is there, and it says that %d of %d audit events are", events, auditEvents)
	case events != auditEvents:
		return fmt.Sprintf("WRONG: %d audit events, and it says nothing", events)
	case strings.Contains(said, "level"):
		return "everything is there: " + message(said)
	}
	return "everything is there"
}

// auditEvents is how many events stored makes.
const auditEvents = 10

// message returns the first message of a log.
func message(log string) string {
	_, rest, _ := strings.Cut(log, `"msg":"`)
	text, _, _ := strings.Cut(rest, `"`)
	return text
}

// openDir returns a directory that nobody may enter.
func openDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(filepath.Dir(dir), 0o755)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func filesBelow(t *testing.T, dir string) []string {
	t.Helper()
	var out []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			name, _ := filepath.Rel(dir, path)
			out = append(out, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(out)
	return out
}

func copyTree(t *testing.T, from, to string) {
	t.Helper()
	if out, err := exec.Command("cp", "-a", from, to).CombinedOutput(); err != nil {
		t.Errorf("copy %s: %v\n%s", from, err, out)
	}
}
