package cmd

import (
	"context"
	"errors"
	"os"
	"syscall"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// This file is about hints that know on which machine they are read: what to do where a role does not
// run depends on whether it is a service here, has been here before, or is another machine's.

// askRole gets url from the process of a role on this machine.
func askRole(ctx context.Context, role proto.Role, stateDir, url string, out any) error {
	return notRunning(ctx, local.Get(ctx, process.FindSocket(role, stateDir), string(role), url, out), role, stateDir)
}

// starts returns the command that starts a role.
func starts(role proto.Role) string {
	if role == proto.RoleClient {
		return "up"
	}
	return "run"
}

// notRunning says of a role that nobody runs here why, and how it is started; other errors stay as
// they are.
func notRunning(ctx context.Context, err error, role proto.Role, stateDir string) error {
	if !errors.Is(err, local.ErrNotRunning) {
		return err
	}
	dir := stateDir
	if dir == "" {
		dir = process.StateDir(role)
	}
	e := &advice.Error{
		Text:   "no " + string(role) + " is running with state directory " + dir,
		Advice: "start it: oneping " + string(role) + " " + starts(role) + "; or name the directory of the one that runs: --state-dir DIR",
		Cause:  err,
	}
	if stateDir != "" {
		return e // who names a directory knows where it is
	}
	switch p := lookAt(ctx, role); {
	case p.State == stateAbsent:
		e.Advice = elsewhere(role)
	case p.Missing != "":
		e.Text, e.Advice = e.Text+": "+p.Missing, p.Hint
	}
	return e
}

// elsewhere is the hint for who asks a role that has never been on this machine.
func elsewhere(role proto.Role) string {
	if role != proto.RoleEdge {
		return "ask it on its own machine; to make this one a " + string(role) + ": oneping " + string(role) + " " + starts(role) +
			" --token-file FILE, with what the edge prints: oneping " + process.TokenCommand(role)
	}
	for _, other := range []proto.Role{proto.RoleClient, proto.RoleConnector} {
		dir := usedStateDir(other)
		if dir == "" {
			continue
		}
		at := ""
		if edges, err := node.StoredEdges(dir); err == nil && len(edges) > 0 {
			at = " at " + term.Few(edges)
		}
		return "run this on the edge's machine: this one is a " + string(other) + " of the edge" + at
	}
	return "run this on the edge's machine; to have an edge on this one: oneping edge run"
}

// besideService says of a role that cannot start, since something has what it needs, that it is a
// service of this machine. The service itself is not told so.
func besideService(ctx context.Context, err error, role proto.Role) error {
	if !isTaken(err) || os.Getenv("NOTIFY_SOCKET") != "" {
		return err
	}
	s := service.Look(ctx, role)
	if hint := serviceHas(&s, role, errors.Is(err, process.ErrNotOwner)); hint != "" {
		return advice.With(err, hint)
	}
	if errors.Is(err, process.ErrNotOwner) && !s.Chosen() && ofService(usedStateDir(role)) {
		return advice.With(err, serviceAgain(role))
	}
	return err
}

// isTaken says that a role cannot start since another process, or its user, has what it needs. A
// service on Linux runs as a user of its own, whose the state directory is.
func isTaken(err error) bool {
	for _, cause := range []error{process.ErrInUse, process.ErrNotOwner, syscall.EBUSY, syscall.EADDRINUSE} {
		if errors.Is(err, cause) {
			return true
		}
	}
	return false
}

// serviceHas returns the hint for who starts a role by hand that is a service, "" where that is not
// why it cannot start; state says that it is about the state directory.
func serviceHas(s *service.State, role proto.Role, state bool) string {
	name := "oneping " + string(role)
	switch {
	case s.Activity == service.Running:
		return "the service " + service.Name(role) + " runs on this machine: " + name + " status says how it is; to stop it: sudo " + name + " down"
	case state && s.Chosen():
		return "it is that of the service " + service.Name(role) + " of this machine: to start that: sudo " + name + " up"
	}
	return ""
}
