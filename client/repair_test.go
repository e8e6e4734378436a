package client

import (
	"strings"
	"testing"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// A client that runs is not repaired, wherever its local socket is: a service's is in systemd's
// runtime directory.
func TestRepairRefusesWhileAClientRuns(t *testing.T) {
	dir := t.TempDir()
	lock, err := process.LockDir(dir, proto.RoleClient)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = lock.Close() }()
	_, err = Repair(Config{StateDir: dir, TUN: "oneping-none"}, false)
	if err == nil || !strings.HasPrefix(err.Error(), "repair: the client runs: state directory "+dir+" is in use by process ") {
		t.Errorf("got %v", err)
	}
	if want := "stop it: it takes away itself what it has made; repair is for one that was killed"; advice.Of(err) != want {
		t.Errorf("hint %q", advice.Of(err))
	}
}
