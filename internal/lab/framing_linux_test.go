package lab

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func connPair(t *testing.T) (a, b *Conn) {
	t.Helper()
	a, file, err := socketPair()
	if err != nil {
		t.Fatal(err)
	}
	b, err = FileConn(file)
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
	want := Request{Op: OpExec, Node: "laptop", Argv: []string{"x"}, Env: []string{strings.Repeat("e", 1<<20)}}
	sent := make(chan error, 1)
	go func() {
		sent <- errors.Join(a.Send(want, write, write, write), a.Send(Signal{Signal: 2}), write.Close())
	}()
	var got Request
	files, err := b.Receive(&got)
	if err != nil || len(files) != 3 {
		t.Fatalf("receive = %d files, %v", len(files), err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var sig Signal
	if none, err := b.Receive(&sig); err != nil || len(none) != 0 || sig.Signal != 2 {
		t.Errorf("second message: %+v, %d files, %v", sig, len(none), err)
	}
	if err := <-sent; err != nil {
		t.Fatal(err)
	}
	if _, err := files[2].WriteString("through"); err != nil {
		t.Fatal(err)
	}
	CloseAll(files)
	if text, err := io.ReadAll(read); err != nil || string(text) != "through" {
		t.Errorf("read %q, %v", text, err)
	}
}

func TestConnKnowsItsPeer(t *testing.T) {
	a, _ := connPair(t)
	cred, err := a.Peer()
	if err != nil || int(cred.Uid) != os.Getuid() || int(cred.Pid) != os.Getpid() {
		t.Errorf("peer = %+v, %v", cred, err)
	}
}

func TestConnRefusesWhatIsTooLong(t *testing.T) {
	a, b := connPair(t)
	if _, err := a.unix.Write([]byte{0xff, 0xff, 0xff, 0xff}); err != nil {
		t.Fatal(err)
	}
	_, err := b.Receive(&Request{})
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
			files, err := b.Receive(&Request{})
			CloseAll(files)
			if err != nil {
				return
			}
		}
	})
}
