package lab

import (
	"errors"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/advice"
)

func connPair(t *testing.T) (a, b *conn) {
	t.Helper()
	a, file, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	b, err = fileConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = a.unix.Close()
		_ = b.unix.Close()
	})
	return a, b
}

func TestConnCarriesMessagesAndFiles(t *testing.T) {
	a, b := connPair(t)
	read, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer read.Close()
	want := request{Op: opExec, Node: "laptop", Argv: []string{"x"}, Env: []string{strings.Repeat("e", 1<<20)}}
	sent := make(chan error, 1)
	go func() {
		sent <- errors.Join(a.send(want, write, write, write), a.send(signalRequest{Signal: 2}), write.Close())
	}()
	var got request
	files, err := b.receive(&got)
	if err != nil || len(files) != 3 {
		t.Fatalf("receive = %d files, %v", len(files), err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var sig signalRequest
	if none, err := b.receive(&sig); err != nil || len(none) != 0 || sig.Signal != 2 {
		t.Errorf("second message: %+v, %d files, %v", sig, len(none), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if _, err := files[2].WriteString("through"); err != nil {
		t.Fatal(err)
	}
	closeAll(files)
	if text, err := io.ReadAll(read); err != nil || string(text) != "through" {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestConnKnowsItsPeer(t *testing.T) {
	a, _ := connPair(t)
	cred, err := a.peer()
	if err != nil || int(cred.Uid) != os.Getuid() || int(cred.Pid) != os.Getpid() {
		t.Errorf("peer = %+v, %v", cred, err)
	}
}

func TestConnRefusesWhatIsTooLong(t *testing.T) {
	a, b := connPair(t)
	if _, err := a.unix.Write([]byte{0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	_, err := b.receive(&request{})
	if want := "message of 4294967295 bytes: more than 8388608"; err == nil || err.Error() != want {
		t.Errorf("receive = %v, want %s", err, want)
	}
}

// FuzzReceive: no byte that a caller may send brings the holder down.
func FuzzReceive(f *testing.F) {
	good := append([]byte{0, 0, 0, 15}, `{"op":"status"}`...)
	for i := range len(good) + 1 {
		f.Add(good[:i])
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<16 {
			return
		}
		a, b := connPair(t)
		if _, err := a.unix.Write(data); len(data) > 0 && err != nil {
			t.Fatal(err)
		}
		_ = a.unix.Close()
		for {
			files, err := b.receive(&request{})
			closeAll(files)
			if err != nil {
				return
			}
		}
	})
}

func TestParseUnixTable(t *testing.T) {
	table := `Num       RefCount Protocol Flags    Type St Inode Path
0000000000000000: 00000002 00000000 00010000 0001 01 11111 @oneping-lab-0-default
0000000000000000: 00000003 00000000 00000000 0001 03 22222 @oneping-lab-0-default
0000000000000000: 00000002 00000000 00010000 0001 01 33333 @oneping-lab-0-b
0000000000000000: 00000002 00000000 00010000 0001 01 44444 @oneping-lab-01-other
0000000000000000: 00000002 00000000 00010000 0001 01 55555 /run/x.sock
0000000000000000: 00000002 00000000 00000000 0002 01 66666
`
	got, err := parseUnixTable(strings.NewReader(table), "@oneping-lab-0-")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"b", "default"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestNodeEnv(t *testing.T) {
	got := nodeEnv([]string{
		"HOME=/root", "PATH=/usr/bin:/opt/x", "NOTIFY_SOCKET=/run/y", "ONEPING_TOKEN=secret", "ONEPING_LAB=outer",
	}, "a", "laptop")
	want := []string{
		"HOME=/root",
		"PATH=/oneping-lab/bin:/usr/bin:/opt/x:/usr/local/sbin:/usr/sbin:/sbin:/bin",
		"ONEPING_LAB=a",
		"ONEPING_LAB_NODE=laptop",
		"ONEPING_STATE_DIR=/oneping-lab/laptop",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestFindProgram(t *testing.T) {
	dir := t.TempDir()
	for name, mode := range map[string]os.FileMode{"yes": 0o755, "no": 0o644} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, mode); err != nil {
			t.Fatal(err)
		}
	}
	env := []string{"PATH=/nowhere:relative:" + dir}
	if path, err := findProgram("yes", "/", env); err != nil || path != filepath.Join(dir, "yes") {
		t.Errorf("findProgram = %q, %v", path, err)
	}
	if path, err := findProgram("./yes", dir, nil); err != nil || path != filepath.Join(dir, "yes") {
		t.Errorf("findProgram = %q, %v", path, err)
	}
	if _, err := findProgram("no", "/", env); !errors.Is(err, exec.ErrNotFound) {
		t.Errorf("findProgram of a plain file = %v", err)
	}
	if _, err := findProgram("./no", dir, nil); !errors.Is(err, syscall.EACCES) {
		t.Errorf("findProgram of a plain file by path = %v", err)
	}
}

func TestExplainMissing(t *testing.T) {
	_, err := findProgram("traceroute", "/", nil)
	err = explainMissing(err, "traceroute")
	if err.Error() != "traceroute: command not found" ||
		advice.Of(err) != "apt-get install traceroute (or the package of that name on your system)" {
		t.Errorf("explainMissing = %v, hint %q", err, advice.Of(err))
	}
	if other := errors.New("other"); explainMissing(other, "x") != other {
		t.Error("explainMissing changed another error")
	}
}

func TestHostsFile(t *testing.T) {
	want := `172.68.101.57 edge
fd6f:6e65:7069:101::57 edge
198.51.100.2 laptop
fd6f:6e65:7069:200::2 laptop
172.16.10.100 connector
fd6f:6e65:7069:10::100 connector
172.16.10.120 server
fd6f:6e65:7069:10::120 server
`
	if diff := cmp.Diff(want, hostsFile(classic(t, Options{}))); diff != "" {
		t.Error(diff)
	}
}

func TestSwitchToFiles(t *testing.T) {
	got := switchToFiles("passwd: files\nhosts: files resolve [!UNAVAIL=return] dns\n")
	if want := "passwd: files\nhosts: files dns\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestLastLines(t *testing.T) {
	for text, want := range map[string]string{
		"":             "",
		"\n":           "",
		"a\n":          "  a",
		"a\nb\nc\nd\n": "  c\n  d",
	} {
		if got := lastLines(text, 2); got != want {
			t.Errorf("lastLines(%q) = %q, want %q", text, got, want)
		}
	}
}

func TestNotifySocket(t *testing.T) {
	socket, err := listenNotify(filepath.Join(t.TempDir(), "notify"))
	if err != nil {
		t.Fatal(err)
	}
	ready := make(chan error, 1)
	go func() { ready <- socket.wait("READY=1") }()
	sender, err := net.Dial("unixgram", socket.path)
	if err != nil {
		t.Fatal(err)
	}
	for _, message := range []string{"STATUS=READY=1", "READY=0", "STATUS=x\nREADY=1\n"} {
		if _, err := sender.Write([]byte(message)); err != nil {
			t.Fatal(err)
		}
	}
	_ = sender.Close()
	if err := <-ready; err != nil {
		t.Error(err)
	}
	go func() { ready <- socket.wait("READY=1") }()
	socket.close()
	if err := <-ready; !errors.Is(err, net.ErrClosed) {
		t.Errorf("wait on a closed socket = %v", err)
	}
	if _, err := os.Stat(socket.path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket's file is left: %v", err)
	}
}

func TestExitCode(t *testing.T) {
	for status, want := range map[syscall.WaitStatus]int{0: 0, 7 << 8: 7, 9: 137, 15: 143} {
		if got := exitCode(status); got != want {
			t.Errorf("exitCode(%#x) = %d, want %d", int(status), got, want)
		}
	}
}

func TestHolderIsNotForPeople(t *testing.T) {
	if err := RunHolder(t.Context()); err == nil || !strings.Contains(err.Error(), "oneping lab up") {
		t.Errorf("RunHolder = %v", err)
	}
}

func TestIDMapCovers(t *testing.T) {
	for table, want := range map[string]bool{
		"         0          0 4294967295\n": true,
		"         0       1000          1\n": false,
		"0 1000 1\n1 100000 65536\n":         true,
		"0 1000 1\n1 100000 65533\n":         false,
		"":                                   false,
		"x\n":                                false,
		"4294967295 0 4294967295\n":          false,
	} {
		if got := covers(table, connectorID); got != want {
			t.Errorf("covers(%q) = %t, want %t", table, got, want)
		}
	}
}

func TestExplainDenied(t *testing.T) {
	plain := errors.New("other")
	if explainDenied(plain, false) != plain {
		t.Error("explainDenied changed an error that is not about permission")
	}
	full := &os.PathError{Op: "fork/exec", Path: "x", Err: syscall.ENOSPC}
	help := explainDenied(full, false)
	if advice.Of(help) != "as root: sysctl -w user.max_user_namespaces=15000 user.max_net_namespaces=15000" {
		t.Errorf("explainDenied(%v) = %v, hint %q", full, help, advice.Of(help))
	}
	if again := explainDenied(help, false); again != help {
		t.Error("explainDenied hid a hint that was there")
	}
}
