package process

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/proto"
)

// sharedMemory can be written in a container whose root is read-only, too: every engine mounts it.
const sharedMemory = "/dev/shm"

// memoryDir is where the local socket of a role is whose state directory cannot be written: a
// directory of this user's alone, named after him, the role and that directory, so that who asks
// finds it.
func memoryDir(role proto.Role, stateDir string) string {
	if whole, err := filepath.Abs(stateDir); err == nil {
		stateDir = whole
	}
	sum := sha256.Sum256([]byte(stateDir))
	return filepath.Join(sharedMemory, fmt.Sprintf("oneping-%d-%s-%s", os.Geteuid(), role, hex.EncodeToString(sum[:8])))
}

// makeMemoryDir makes that directory; one that somebody else has put there is refused.
func makeMemoryDir(role proto.Role, stateDir string) (socket string, err error) {
	dir := memoryDir(role, stateDir)
	if err := os.Mkdir(dir, 0o700); err != nil && !os.IsExist(err) {
		return "", err
	}
	if !ownDir(dir) {
		return "", fmt.Errorf("use %s: it is not this user's alone", dir)
	}
	return local.Socket(dir), nil
}

// memorySocket returns the socket in that directory, "" where there is none of this user's.
func memorySocket(role proto.Role, stateDir string) string {
	dir := memoryDir(role, stateDir)
	if !ownDir(dir) {
		return ""
	}
	socket := local.Socket(dir)
	if _, err := os.Lstat(socket); err != nil {
		return ""
	}
	return socket
}

func ownDir(dir string) bool {
	fi, err := os.Lstat(dir)
	if err != nil || !fi.IsDir() || fi.Mode().Perm() != 0o700 {
		return false
	}
	st, ok := fi.Sys().(*syscall.Stat_t)
	return ok && int(st.Uid) == os.Geteuid()
}
