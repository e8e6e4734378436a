package process

import (
	"net"
	"path/filepath"
	"testing"
)

func TestNotify(t *testing.T) {
	if err := notify("", "READY=1"); err != nil {
		t.Errorf("no supervisor: %v", err)
	}
	for _, addr := range []string{filepath.Join(t.TempDir(), "notify"), "@oneping-test-notify"} {
		ln, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: addr, Net: "unixgram"})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		if err := notify(addr, "READY=1"); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, 64)
		n, err := ln.Read(b)
		if err != nil || string(b[:n]) != "READY=1" {
			t.Errorf("%s: %q, %v", addr, b[:n], err)
		}
	}
	if err := notify("tcp:1", "READY=1"); err == nil {
		t.Error("an address of another kind was accepted")
	}
}
