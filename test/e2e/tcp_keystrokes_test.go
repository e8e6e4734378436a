//go:build linux

package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// sshd starts the real server in the private subnet, with keys of its own, and returns the command
// that opens a session on it.
func (l *lab) sshd() []string {
	l.t.Helper()
	dir := filepath.Join(l.dir, "ssh")
	if err := os.Mkdir(dir, 0o700); err != nil {
		l.t.Fatal(err)
	}
	for _, name := range []string{"host", "user"} {
		if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", filepath.Join(dir, name)).CombinedOutput(); err != nil {
			l.t.Fatalf("ssh-keygen: %v\n%s", err, out)
		}
	}
	if err := os.Rename(filepath.Join(dir, "user.pub"), filepath.Join(dir, "authorized")); err != nil {
		l.t.Fatal(err)
	}
	config := l.file("sshd_config", strings.ReplaceAll(`Port 22
HostKey DIR/host
AuthorizedKeysFile DIR/authorized
PermitRootLogin prohibit-password
StrictModes no
UsePAM no
PidFile none
`, "DIR", dir))
	p := l.start("server", "sh", "-c", `mkdir -p /run/sshd && exec "$(command -v sshd)" -D -e -f "$0"`, config)
	p.waitFor("Server listening")
	return []string{
		"ssh", "-F", "none", "-tt", "-i", filepath.Join(dir, "user"), "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=no",
		"-o", "UserKnownHostsFile=/dev/null", "root@" + serverV4, "echo ready; exec cat",
	}
}

var keysLine = regexp.MustCompile(`p50 ([0-9.]+) ms, p99 ([0-9.]+) ms`)

// echo types into a session from a node and returns the p99 of the echo in milliseconds.
func (l *lab) echo(node, what string, session []string) float64 {
	l.t.Helper()
	out := l.run(node, append([]string{"tool", "keystrokes", "-n", "200", "--"}, session...)...)
	m := keysLine.FindStringSubmatch(out)
	if m == nil {
		l.t.Fatalf("keystrokes: %s", out)
	}
	l.t.Logf("%s: %s", what, strings.TrimSpace(out))
	p99, err := strconv.ParseFloat(m[2], 64)
	if err != nil {
		l.t.Fatal(err)
	}
	return p99
}

// Somebody types while a transfer runs, in each direction. Both wait for processors, too: where the
// connector beside the server, without any transfer, waits long already, the test would measure who
// else uses this machine.
func TestKeystrokesDuringTransfers(t *testing.T) {
	needs(t, "ssh", "sshd", "ssh-keygen", "curl")
	l := newLab(t)
	if l.rootless() {
		t.Skip("sshd changes its user, which a user namespace of one user does not allow")
	}
	session := l.sshd()
	if p99 := l.echo("connector", "without oneping", session); p99 > 5 {
		t.Skipf("this machine is too busy: without oneping and without a transfer p99 is %v ms", p99)
	}
	l.serve("server", "http-serve", ":80")
	l.download(serverV4, "file", 100_000_000)
	url := "http://" + serverV4 + "/100000000"
	for name, bulk := range map[string]string{
		"download": "while curl -sSf -o /dev/null " + url + "; do :; done",
		"upload":   "while curl -sSf -o /dev/null -T " + filepath.Join(l.dir, "file") + " " + url + "; do :; done",
	} {
		load := l.start("laptop", "sh", "-c", bulk)
		best := l.echo("laptop", name, session)
		for try := 0; try < 2 && best >= 100; try++ { // a busy moment of the machine
			best = min(best, l.echo("laptop", name, session))
		}
		if best >= 100 {
			if p99 := l.echo("connector", "without oneping, during the "+name, session); p99 > 10 {
				t.Skipf("this machine is too busy: without oneping, during the transfer, p99 is %v ms", p99)
			}
			t.Errorf("%s: p99 of the echo is %v ms, want less than 100", name, best)
		}
		if r := load.interrupt(); r.stderr != "" {
			t.Errorf("%s: %s", name, r.stderr)
		}
	}
}
