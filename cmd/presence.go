package cmd

import (
	"cmp"
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// roles are those that a machine may have, in the order in which a packet's owner thinks of them:
// who starts all of them starts the edge first.
func roles() []proto.Role {
	return []proto.Role{proto.RoleEdge, proto.RoleConnector, proto.RoleClient}
}

// condition is how a role is on this machine.
type condition string

const (
	stateAbsent   condition = "absent" // nothing of it has ever been here
	stateReady    condition = "ready"
	stateNotReady condition = "not ready" // it runs
	stateUnasked  condition = "runs"      // it runs, and this user may not ask it
	stateStarting condition = "starting"
	stateStopped  condition = "stopped"
	stateFailed   condition = "failed" // its service ended, or ends again and again
	stateKilled   condition = "killed" // a client that left the host captured
)

// presence is what there is of a role on this machine.
type presence struct {
	Role  proto.Role `json:"role"`
	State condition  `json:"state"`
	// Missing says why it is not ready, Hint what to do about it.
	Missing string `json:"missing,omitempty"`
	Hint    string `json:"hint,omitempty"`
	Process string `json:"process,omitempty"` // where it runs, and is no service
	// Service is nil where no service of the role is set up.
	Service  *service.State `json:"service,omitempty"`
	StateDir string         `json:"state_dir,omitempty"` // where it has been before
	// Unreachable is what a killed client captured and left so.
	Unreachable []netip.Prefix `json:"unreachable,omitempty"`
	// Status is what it says of itself, as `oneping ROLE status --json` has it.
	Status status `json:"status,omitempty"`
}

// findRole looks at a role on this machine: at its service, its process, its state directory and, for
// a client, what is captured with nobody behind it.
func findRole(ctx context.Context, role proto.Role) presence {
	s := newStatus(role)
	socket := process.FindSocket(role, "")
	err := local.Get(ctx, socket, string(role), "/v1/status", s)
	if errors.Is(err, local.ErrNotRunning) {
		return lookAt(ctx, role)
	}
	p := setUp(ctx, role)
	p.running(socket, s, err)
	return p
}

// lookAt looks at a role on this machine that nothing listens for.
func lookAt(ctx context.Context, role proto.Role) presence {
	p := setUp(ctx, role)
	p.notRunning()
	if role != proto.RoleClient {
		return p
	}
	if left, err := client.Unreachable(); err == nil { // what cannot be asked cannot be said
		p.leaves(left)
	}
	return p
}

// setUp looks for what makes a role this machine's.
func setUp(ctx context.Context, role proto.Role) presence {
	p := presence{Role: role, State: stateAbsent, StateDir: usedStateDir(role)}
	if s := service.Look(ctx, role); s.Chosen() {
		p.Service = &s
	}
	return p
}

// running is a role that something listens for; err is what asking for its status gave.
func (p *presence) running(socket string, s status, err error) {
	if p.Service == nil || p.Service.Activity == service.Stopped {
		p.Process, _ = local.Serving(socket)
	}
	switch {
	case err != nil:
		p.State, p.Missing, p.Hint = stateUnasked, err.Error(), advice.Of(err)
		return
	case s.Ready() == nil:
		p.State = stateReady
	default:
		missing := s.Ready()
		p.State, p.Missing, p.Hint = stateNotReady, missing.Error(), advice.Of(missing)
	}
	p.Status = s
}

// notRunning is a role that nothing listens for.
func (p *presence) notRunning() {
	switch {
	case p.Service == nil && p.StateDir == "":
		return
	case p.Service == nil:
		p.State, p.Hint = stateStopped, "start it: oneping "+string(p.Role)+" "+starts(p.Role)
		if ofService(p.StateDir) {
			p.Hint = serviceAgain(p.Role)
		}
	case p.Service.Activity == service.Starting && p.Service.Ended != "" && p.Service.Restarts == 0:
		p.State, p.Hint = stateStarting, "repeat in a moment; "+service.WhereItSays(p.Role)+" says why it ended"
		p.Missing = "its service " + service.Name(p.Role) + " ended (" + p.Service.Ended + ") and is being started again"
	case p.Service.Ended != "":
		p.State, p.Hint = stateFailed, service.WhyFailed(p.Role)
		p.Missing = "its service " + service.Name(p.Role) + " failed: " + p.Service.Ended
		if p.Service.Activity == service.Starting {
			p.Missing = "its service " + service.Name(p.Role) + " ends again and again: " + p.Service.Ended
		}
	case p.Service.Activity == service.Stopped:
		p.State, p.Hint = stateStopped, "start it: sudo oneping "+string(p.Role)+" up"
		p.Missing = "its service " + service.Name(p.Role) + " is stopped"
		if !p.Service.Back.IsZero() {
			p.Missing += " until " + term.Second(p.Service.Back)
		}
	default:
		p.State, p.Hint = stateStarting, "repeat in a moment; "+service.WhereItSays(p.Role)+" says what it does"
		p.Missing = "its service " + service.Name(p.Role) + " is starting"
	}
}

// leaves is a client that does not run, and what it captured is still unreachable.
func (p *presence) leaves(left []netip.Prefix) {
	if len(left) == 0 {
		return
	}
	p.Unreachable = left
	if p.State == stateStarting { // it takes over what was left
		p.Missing += "; what it captured is unreachable until then: " + fewPrefixes(left)
		return
	}
	text := "it was killed, and what it captured is unreachable now: " + fewPrefixes(left)
	start := "oneping client up"
	if p.Service != nil {
		start = service.StartCommand(proto.RoleClient)
	}
	back := "to have it back: " + start + "; to give this machine back what it was: oneping client repair"
	if p.State == stateFailed { // starting it is what has failed
		p.Missing, p.Hint = p.Missing+"; "+text, p.Hint+"; oneping client repair gives this machine back what it was"
		return
	}
	p.State, p.Missing, p.Hint = stateKilled, text, back
}

// expected says that whoever asks whether this machine is ready asks about this role, too: it runs,
// it is a service, or it has left something.
func (p *presence) expected() bool {
	return p.State != stateAbsent && (p.State != stateStopped || p.Service != nil)
}

// missing returns what keeps the role from being ready, nil where nothing does.
func (p *presence) missing() error {
	if p.State == stateReady {
		return nil
	}
	return &advice.Error{Text: string(p.Role) + ": " + cmp.Or(p.Missing, string(p.State)), Advice: p.Hint}
}

// usedStateDir returns the state directory of a role that has been on this machine, "" for none:
// this user's, or that of a service, which may be closed to him.
func usedStateDir(role proto.Role) string {
	dirs := []string{process.StateDir(role)}
	if os.Getenv("ONEPING_STATE_DIR") == "" {
		dirs = append(dirs, "/var/lib/oneping/"+string(role), "/var/lib/private/oneping/"+string(role))
	}
	for _, dir := range dirs {
		if dir == "" {
			continue
		}
		for _, identity := range []string{"node.json", "node.key", "ca.key"} {
			if _, err := os.Lstat(filepath.Join(dir, identity)); err == nil || errors.Is(err, os.ErrPermission) {
				return dir
			}
		}
	}
	return ""
}

// ofService says that a state directory is where systemd keeps that of a service: there, or what leads
// there (DynamicUser= in systemd.exec(5)). It belongs to the service's user, also when that is gone.
func ofService(dir string) bool {
	const private = "private/oneping/"
	target, _ := os.Readlink(dir)
	return strings.HasPrefix(dir, "/var/lib/"+private) || strings.Contains(target, private)
}

// serviceAgain is the hint for a role whose service was uninstalled, and whose state is there.
func serviceAgain(role proto.Role) string {
	return "its state is that of a service, which was uninstalled; to have it again: sudo oneping " + string(role) + " service install"
}

// fewPrefixes names the first of a list of prefixes.
func fewPrefixes(list []netip.Prefix) string {
	words := make([]string, len(list))
	for i, p := range list {
		words[i] = p.String()
	}
	return term.Few(words)
}
