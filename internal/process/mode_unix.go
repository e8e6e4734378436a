//go:build unix

package process

import (
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/oneping/oneping/internal/advice"
)

// CheckMode refuses the file of a key that others than its owner may read, or that is neither this
// user's nor root's: with advice.
func CheckMode(path string) error {
	fi, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("look at key: %w", err)
	}
	if err := checkOwner("read "+path, path, fi); err != nil {
		return err
	}
	if perm := fi.Mode().Perm(); perm&0o077 != 0 {
		return &advice.Error{
			Text:   fmt.Sprintf("read %s: others may read this key (mode %04o)", path, perm),
			Advice: "chmod 600 " + path,
		}
	}
	return nil
}

// checkOwner refuses what belongs to a user who is neither the one of this process nor root: that
// one could put other contents in its place. verb begins the error: "read PATH".
func checkOwner(verb, path string, fi fs.FileInfo) error {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || trusted(int(st.Uid), os.Geteuid(), os.Getpid()) {
		return nil
	}
	return &advice.Error{
		Text:   fmt.Sprintf("%s: it belongs to user %d, and this process runs as user %d", verb, st.Uid, os.Geteuid()),
		Advice: fmt.Sprintf("run as that user, or, if you trust what is in it: chown -R %d %s", os.Geteuid(), path),
		Cause:  ErrNotOwner,
	}
}

// trusted says whether what belongs to owner is good for a process of the user self. Root that is the
// first process of a container has nobody beside it: all others are its own children. The image's
// state directories belong to the user that it runs as where nobody asks for root.
func trusted(owner, self, pid int) bool { return owner == self || owner == 0 || self == 0 && pid == 1 }

// checkTokenMode refuses a token that others than its owner may read. Where root has put it there for
// this user, by a group or a list of access (a volume, a credential of systemd), that group may read
// it; what is no file (a pipe) has no mode that counts. A token may be another user's: sudo is
// how a token that was copied here is used.
func checkTokenMode(path string, fi fs.FileInfo) error {
	st, ok := fi.Sys().(*syscall.Stat_t)
	if !ok || !fi.Mode().IsRegular() || tokenModeOK(fi.Mode().Perm(), int(st.Uid), os.Geteuid()) {
		return nil
	}
	return &advice.Error{
		Text:   fmt.Sprintf("read token from %s: others may read it (mode %04o)", path, fi.Mode().Perm()),
		Advice: "chmod 600 " + path + "; was it read by somebody else, make a new one on the edge: " + anyToken + anew,
	}
}

func tokenModeOK(perm fs.FileMode, owner, self int) bool {
	if owner == 0 && self != 0 {
		return perm&0o027 == 0
	}
	return perm&0o077 == 0
}
