//go:build linux

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// serve starts a server of the helper in a node and waits until it listens.
func (l *lab) serve(node string, argv ...string) *process {
	l.t.Helper()
	p := l.start(node, append([]string{"tool"}, argv...)...)
	p.waitFor("listening")
	return p
}

// digest returns the SHA-256 of a file.
func digest(t testing.TB, path string) string {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	h := sha256.New()
	if _, err := io.Copy(h, f); err != nil {
		t.Fatal(err)
	}
	return hex.EncodeToString(h.Sum(nil))
}

var digestHeader = regexp.MustCompile(`(?mi)^X-SHA256: ([0-9a-f]{64})\r?$`)

// download fetches size bytes into file with curl and compares their digest with the server's.
func (l *lab) download(host, file string, size int, flags ...string) {
	l.t.Helper()
	path := filepath.Join(l.dir, file)
	argv := append([]string{"curl", "-sS", "--max-time", "90", "-D", "-", "-o", path}, flags...)
	out := l.run("laptop", append(argv, fmt.Sprintf("http://%s/%d", host, size))...)
	info, err := os.Stat(path)
	if err != nil || info.Size() != int64(size) {
		l.t.Fatalf("download from %s: %v, %v; want %d bytes", host, info, err, size)
	}
	m := digestHeader.FindStringSubmatch(out)
	if got := digest(l.t, path); m == nil || m[1] != got {
		l.t.Errorf("download from %s: SHA-256 %s, the server sent\n%s", host, got, out)
	}
}

// upload sends a file with curl and compares its digest with what the server got.
func (l *lab) upload(host, file string, flags ...string) {
	l.t.Helper()
	path := filepath.Join(l.dir, file)
	argv := append([]string{"curl", "-sS", "--max-time", "90", "-T", path}, flags...)
	out := l.run("laptop", append(argv, "http://"+host+"/")...)
	if want := digest(l.t, path); strings.TrimSpace(out) != want {
		l.t.Errorf("upload to %s: the server got %q, want %s", host, out, want)
	}
}

// echoServer starts a UDP echo on a port of the server, for both families.
func (l *lab) echoServer(port string) {
	l.t.Helper()
	l.start("server", "tool", "udp-echo", ":"+port).waitFor("listening")
}

// talk is what `tool udp-talk` reports.
type talk struct {
	sent, answered, wrong, twice, silent, firstLost int
	gaps                                            string
}

func parseTalk(t testing.TB, out string) (r talk) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(out), "\n")
	n, err := fmt.Sscanf(lines[len(lines)-1], "sent %d answered %d wrong %d twice %d silent %d first-lost %d gaps %s",
		&r.sent, &r.answered, &r.wrong, &r.twice, &r.silent, &r.firstLost, &r.gaps)
	if n != 7 {
		t.Fatalf("udp-talk: %v\n%s", err, out)
	}
	return r
}

var answerLine = regexp.MustCompile(`(?m)^answer (\d+)$`)

// lastAnswer returns the number of the newest answer.
func lastAnswer(r result) int {
	all := answerLine.FindAllStringSubmatch(r.stdout, -1)
	if len(all) == 0 {
		return -1
	}
	n, _ := strconv.Atoi(all[len(all)-1][1])
	return n
}
