package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"strings"
	"syscall"

	"github.com/oneping/oneping/client/osroute"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// journalName is the file in the state directory that says what was changed on the host
// (client/osroute/journal.go).
const journalName = "host.json"

// Repair gives the host back what a client has changed that was killed, and says what that was.
// It refuses while a client runs in cfg.StateDir or holds cfg.TUN; all undoes what clients of
// other state directories have left, too.
func Repair(cfg Config, all bool) (done osroute.Repaired, err error) {
	if cfg.TUN == "" {
		cfg.TUN = DefaultTUN
	}
	journal := ""
	switch _, err := os.Stat(cfg.StateDir); {
	case err == nil:
		lock, err := process.LockDir(cfg.StateDir, proto.RoleClient) // no client starts meanwhile
		switch {
		case err == nil:
			defer func() { _ = lock.Close() }()
		case !errors.Is(err, syscall.EROFS): // no client starts there either
			return done, refuseRepair(err)
		}
		journal = cfg.journalPath()
	case !errors.Is(err, fs.ErrNotExist):
		return done, fmt.Errorf("repair: %w", err)
	}
	return osroute.Repair(journal, cfg.TUN, all)
}

// Unreachable returns what clients captured that were killed: nothing reaches that from this host
// until one is started or Repair has been asked to.
func Unreachable() ([]netip.Prefix, error) { return osroute.Unreachable() }

// refuseRepair says of a client that runs that it needs no repair; other errors stay as they are.
func refuseRepair(err error) error {
	if !errors.Is(err, process.ErrInUse) {
		return fmt.Errorf("repair: %w", err)
	}
	return &advice.Error{
		Text:   "repair: the client runs: " + err.Error(),
		Advice: "stop it: it takes away itself what it has made; repair is for one that was killed",
		Cause:  err,
	}
}

// WriteRepaired writes what Repair did for people.
func WriteRepaired(w io.Writer, r *osroute.Repaired) error {
	var b strings.Builder
	for _, x := range r.Notes {
		fmt.Fprintf(&b, "note: %s\n", x)
	}
	for _, x := range r.Rules {
		fmt.Fprintf(&b, "removed rule   %s\n", x)
	}
	for _, x := range r.Routes {
		fmt.Fprintf(&b, "removed route  %s\n", x)
	}
	if r.Device != "" {
		fmt.Fprintf(&b, "put back       device %s\n", r.Device)
	}
	if r.Nothing() {
		b.WriteString("nothing to repair\n")
	} else {
		fmt.Fprintf(&b, "repaired: %s, %s\n", term.Count(len(r.Rules), "rule"), term.Count(len(r.Routes), "route"))
	}
	for _, x := range r.Left {
		fmt.Fprintf(&b, "left: rules or routes of another client that does not run (%s)\n", x)
	}
	if len(r.Left) > 0 {
		b.WriteString("hint: oneping client repair --all removes them, too\n")
	}
	_, err := io.WriteString(w, b.String())
	return err
}
