package process

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// StateDir returns the default state directory of a role: below $ONEPING_STATE_DIR where that is
// set (the lab sets it in each of its nodes), the one that systemd made for the service, below
// /var/lib/oneping for root, below $XDG_STATE_HOME/oneping (or ~/.local/state/oneping) for a user,
// below the user's configuration directory where the system has neither; "" for a user without a
// home. It creates nothing.
func StateDir(role proto.Role) string {
	if own := os.Getenv("ONEPING_STATE_DIR"); filepath.IsAbs(own) {
		return filepath.Join(own, string(role))
	}
	if dir := supervised(stateVariable, role); dir != "" {
		return dir
	}
	base, _ := os.UserConfigDir() // empty without a home
	home, _ := os.UserHomeDir()
	return stateDir(role, os.Geteuid(), os.Getenv("XDG_STATE_HOME"), home, base)
}

func stateDir(role proto.Role, uid int, xdg, home, config string) string {
	switch {
	case uid == 0:
		return filepath.Join("/var/lib/oneping", string(role))
	case uid < 0 && config != "": // Windows has no uids
		return filepath.Join(config, "oneping", string(role))
	case filepath.IsAbs(xdg):
		return filepath.Join(xdg, "oneping", string(role))
	case home == "": // relative to where this process is: a directory that is new at each start
		return ""
	}
	return filepath.Join(home, ".local", "state", "oneping", string(role))
}

// MakeStateDir creates dir where it is missing. Anyone may enter it, because
// the local socket lives there; every secret in it is a file of mode 0600. One that
// belongs to another user than this one or root is refused: that user could put keys
// of his own into it.
func MakeStateDir(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return &advice.Error{
			Text:   fmt.Sprintf("create state directory: %v", err),
			Advice: "run as a user who may write there, or pass another --state-dir",
			Cause:  err,
		}
	}
	fi, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at state directory: %w", err)
	}
	return checkOwner("use state directory "+dir, dir, fi)
}
