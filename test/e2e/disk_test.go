//go:build linux

package e2e

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// smallDisk moves a role's state directory to a file system of its own in that node, of size bytes
// (mount's words), and starts the role again.
func (l *lab) smallDisk(node, dir, size string) {
	l.t.Helper()
	l.stop(node)
	l.run(node, "sh", "-ec", `cp -a "$1" "$1.was"; mount -t tmpfs -o size=$2,mode=755 small "$1"; cp -a "$1.was/." "$1"; rm -r "$1.was"`, "sh", dir, size)
	l.up(node)
}

// fill writes until nothing goes in any more; its file is dir/fill.
func (l *lab) fill(node, dir string) {
	l.t.Helper()
	l.run(node, "sh", "-c", `dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null; test -s "$1/fill"`, "sh", dir)
}

// The edge's disk is full: traffic goes on, every change says so at once, a revocation holds all the
// same, a start serves what is stored. There is room again: everything works, and the revocation is
// written, without a restart.
func TestEdgeDiskFullAndBack(t *testing.T) {
	t.Parallel()
	flag, path := policy(t, everyone)
	l := newLab(t, "--laptops", "2", flag, path)
	l.smallDisk("edge", edgeState, "24m")
	l.poll("both laptops reach the server", 20*time.Second, func() bool {
		return l.exec("laptop", "ping", "-c1", "-W1", serverV4).code == 0 && l.exec("laptop2", "ping", "-c1", "-W1", serverV4).code == 0
	})
	type device struct{ ID, Hostname string }
	type edgeStatus struct {
		Devices []device
		Store   struct {
			Error, Hint string
			Held        int
		}
	}
	var status edgeStatus
	ask := func() {
		status = edgeStatus{}
		l.t.Helper()
		l.json("edge", &status, "oneping", "edge", "status", "--json")
	}
	if ask(); status.Store.Error != "" || len(status.Devices) != 2 {
		t.Fatalf("before: %+v", status)
	}
	const none = "no space left in " + edgeState
	refused := func(argv ...string) {
		t.Helper()
		r := l.exec("edge", append([]string{"oneping"}, argv...)...)
		if r.code != 1 || !strings.Contains(r.stderr, none+"\nhint: make room on its file system (df "+edgeState+"): 0.0 of 24.0 MiB are free, 3.0 are wanted; ") {
			t.Errorf("%s: exit code %d\n%s", strings.Join(argv, " "), r.code, r.stderr)
		}
		if r.took > 5*time.Second { // 15 s once
			t.Errorf("%s: after %v", strings.Join(argv, " "), r.took)
		}
	}
	second := status.Devices[slices.IndexFunc(status.Devices, func(d device) bool { return d.Hostname == "laptop2" })].ID

	l.fill("edge", edgeState)
	refused("edge", "status", "--ready")
	for _, change := range []string{
		"tunnel create other", "tunnel token lab --rotate", "route add 10.9.0.0/16 lab", "route capture add 10.8.0.0/16",
		"device token --user a@x.org", "policy apply -f " + l.file("policy.yaml", everyone),
	} {
		refused(strings.Fields(change)...)
	}
	if ask(); status.Store.Error != none || status.Store.Hint == "" || status.Store.Held != 0 {
		t.Errorf("status: %+v", status.Store)
	}
	if out := l.run("edge", "oneping", "edge", "status"); !strings.Contains(out, "\nstore        cannot be written for ") ||
		!strings.Contains(out, ": "+none+"; changes are refused, traffic goes on\n             hint: make room on ") {
		t.Errorf("status:\n%s", out)
	}
	for _, node := range []string{"laptop", "laptop2"} {
		l.run(node, "ping", "-c1", "-W2", serverV4)
	}

	// Put out all the same.
	r := l.exec("edge", "oneping", "device", "revoke", second)
	if want := "oneping: error: device " + second + " is shut out now, which could not be written: write device." + second + " to store: " + none +
		"\nhint: it is written by itself when it can be; keep the edge running until then. make room on "; r.code != 1 || !strings.HasPrefix(r.stderr, want) {
		t.Errorf("revoke: exit code %d\n%s", r.code, r.stderr)
	}
	l.poll("the link of the device ends, and none is let in", 10*time.Second, func() bool { ask(); return len(status.Devices) == 1 })
	if status.Store.Held != 1 {
		t.Errorf("status: %+v", status.Store)
	}
	l.poll("the device hears why", 10*time.Second, func() bool {
		return strings.Contains(l.exec("laptop2", "oneping", "client", "status").stdout, "was revoked")
	})
	l.run("laptop", "ping", "-c1", "-W2", serverV4)

	// There is room again.
	l.run("edge", "rm", edgeState+"/fill")
	l.run("edge", "oneping", "tunnel", "create", "other")
	l.poll("what was held is written", 10*time.Second, func() bool { ask(); return status.Store.Error == "" && status.Store.Held == 0 })
	if r := l.exec("edge", "oneping", "edge", "status", "--ready"); r.code != 0 {
		t.Errorf("not ready: %s", r.stderr)
	}

	// A start while it is full serves what is stored, the revocation too.
	l.fill("edge", edgeState)
	l.kill("edge")
	l.up("edge")
	l.poll("the first laptop is back", 20*time.Second, func() bool { return l.exec("laptop", "ping", "-c1", "-W1", serverV4).code == 0 })
	refused("tunnel", "create", "third")
	var after []struct {
		ID      string
		Revoked bool
	}
	l.json("edge", &after, "oneping", "device", "list", "--json")
	for _, d := range after {
		if d.Revoked != (d.ID == second) {
			t.Errorf("device %s: revoked %v", d.ID, d.Revoked)
		}
	}
	l.run("edge", "rm", edgeState+"/fill")
	l.run("edge", "oneping", "tunnel", "create", "third")
}

// An edge that starts on a read-only file system serves what it last acknowledged, and says that
// nothing can be changed; it works when the file system can be written.
func TestEdgeOnReadOnlyDisk(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.smallDisk("edge", edgeState, "24m")
	l.stop("edge")
	l.run("edge", "rm", "-f", edgeState+"/oneping.sock")
	remount := func(how string) {
		t.Helper()
		// The mount and not the file system: mount repeats the options of that one, whose uid= means
		// nobody in a user namespace.
		l.run("edge", "mount", "-o", "remount,bind,"+how, edgeState)
	}
	run := filepath.Join(l.dir, "oneping", "edge") // as a service has it for its socket
	l.run("edge", "mkdir", "-p", run)
	remount("ro")
	edge := l.start("edge", "env", "RUNTIME_DIRECTORY="+run, "oneping", "edge", "run", "--state-dir", edgeState, "--hop", "172.68.101.57")
	edge.waitFor(`"edge ready"`)
	l.poll("traffic", 20*time.Second, func() bool { return l.exec("laptop", "ping", "-c1", "-W1", serverV4).code == 0 })
	why := edgeState + " is on a file system that is read-only"
	create := func() result { return l.exec("edge", "oneping", "tunnel", "create", "other", "--state-dir", run) }
	if r := create(); r.code != 1 || !strings.Contains(r.stderr, why+"\nhint: see why (dmesg), and make it writable: mount -o remount,rw") {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	if r := l.exec("edge", "oneping", "edge", "status", "--ready", "--state-dir", run); r.code != 1 || !strings.HasPrefix(r.stderr, "oneping: error: changes cannot be written: "+why) {
		t.Errorf("exit code %d\n%s", r.code, r.stderr)
	}
	remount("rw")
	l.poll("changes", 20*time.Second, func() bool { return create().code == 0 })
	l.run("laptop", "ping", "-c1", "-W2", serverV4)
}

// A connector and a client whose disks are full start, link and say nothing of it that is wrong; a
// connector that enrols there goes on in memory, and writes what it has when there is room.
func TestNodesWithFullDisks(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	l.smallDisk("laptop", laptopState, "1m")
	l.fill("laptop", laptopState)
	l.stop("laptop")
	l.up("laptop")
	l.poll("traffic", 20*time.Second, func() bool { return l.exec("laptop", "ping", "-c1", "-W1", serverV4).code == 0 })

	fresh := filepath.Join(l.dir, "fresh")
	l.run("connector", "sh", "-ec", `mkdir "$1"; mount -t tmpfs -o size=256k,mode=777 small "$1"; touch "$1/lock"; chmod 666 "$1/lock"`, "sh", fresh)
	file := filepath.Join(l.dir, "second.token") // not in /tmp, which other users' tests share
	l.run("edge", "oneping", "tunnel", "create", "second", "--output", file)
	token := strings.TrimSpace(l.run("edge", "cat", file))
	l.run("connector", "sh", "-c", `dd if=/dev/zero of="$1/fill" bs=4k 2>/dev/null; test -s "$1/fill"`, "sh", fresh)
	c := l.start("connector", "env", "ONEPING_TOKEN="+token, "oneping", "connector", "run", "--state-dir", fresh)
	c.waitFor(`"link up"`)
	why := "no space left in " + fresh
	c.waitFor(`"the state directory cannot be written: key and certificate stay in memory, and a start before they are written enrols again"`)
	var s struct {
		Identity struct {
			InMemory bool `json:"in_memory"`
			Unkept   string
		}
	}
	l.json("connector", &s, "oneping", "connector", "status", "--json", "--state-dir", fresh)
	if !s.Identity.InMemory || s.Identity.Unkept != why {
		t.Errorf("status: %+v", s.Identity)
	}
	if out := l.run("connector", "oneping", "connector", "status", "--state-dir", fresh); !strings.Contains(out, "\nstate     key and certificate are in memory alone: "+why+"\n          hint: make room on ") {
		t.Errorf("status:\n%s", out)
	}
}
