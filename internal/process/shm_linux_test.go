package process

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/zap"

	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// TestSocketInMemory: a role whose state directory cannot be written can be asked all the same, by who
// names that directory or uses the default.
func TestSocketInMemory(t *testing.T) {
	const dir = "/proc/no such place/connector" // which root cannot write either
	h := NewHome(proto.RoleConnector, dir, zap.NewNop())
	if err := h.Lock(); !Unwritable(err) {
		t.Fatalf("lock: %v", err)
	}
	if err := h.Listen(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.Close)
	socket := FindSocket(proto.RoleConnector, dir)
	if !strings.HasPrefix(socket, sharedMemory+"/oneping-") {
		t.Errorf("found at %s", socket)
	}
	if other := FindSocket(proto.RoleConnector, dir+"2"); other != local.Socket(dir+"2") {
		t.Errorf("of another directory: %s", other)
	}
	go func() { _ = h.Serve(t.Context(), http.NotFoundHandler()) }()
	if err := local.Get(t.Context(), socket, string(proto.RoleConnector), "/x", nil); err == nil || err.Error() != "Not Found" {
		t.Errorf("asked there: %v", err)
	}
	second := NewHome(proto.RoleConnector, dir, zap.NewNop())
	if err := second.Listen(); !Unwritable(err) {
		t.Errorf("a second one: %v", err)
	}
	h.Close()
	if _, err := os.Lstat(filepath.Dir(socket)); !os.IsNotExist(err) {
		t.Errorf("left behind: %v", err)
	}
	if err := os.Mkdir(filepath.Dir(socket), 0o777); err != nil { // somebody else's, for all that one knows
		t.Fatal(err)
	}
	defer func() { _ = os.Remove(filepath.Dir(socket)) }()
	if err := os.Chmod(filepath.Dir(socket), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := NewHome(proto.RoleConnector, dir, zap.NewNop()).Listen(); !Unwritable(err) {
		t.Errorf("in a directory that others may write: %v", err)
	}
	if found := FindSocket(proto.RoleConnector, dir); found != local.Socket(dir) {
		t.Errorf("found in it: %s", found)
	}
}
