package holder

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

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
