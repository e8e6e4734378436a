//go:build darwin || windows

package service

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/kardianos/service"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// Look asks launchd, or Windows' service manager, about the service of a role. What install makes
// starts at boot.
func Look(_ context.Context, role proto.Role) State {
	state := State{Name: Name(role), Activity: Stopped}
	s, err := managed(role)
	if err != nil {
		return state
	}
	now, err := s.Status()
	if errors.Is(err, service.ErrNotInstalled) {
		return state
	}
	state.Installed, state.AtBoot = true, true
	if err == nil && now == service.StatusRunning {
		state.Activity = Running
	}
	return state
}

// Start starts the service of a role.
func Start(_ context.Context, role proto.Role, out io.Writer) error {
	return control("start", role, out, service.Service.Start)
}

// Restart stops the service of a role, if it runs, and starts it.
func Restart(_ context.Context, role proto.Role, out io.Writer) error {
	return control("restart", role, out, service.Service.Restart)
}

// Stop stops the service of a role until the next boot, or until it is started. Nothing here starts
// it after a time.
func Stop(_ context.Context, role proto.Role, back time.Duration, out io.Writer) error {
	if back > 0 {
		return &advice.Error{
			Text:   "stop service " + Name(role) + " for a while: nothing on this system starts it again",
			Advice: "oneping " + string(role) + " down, and oneping " + string(role) + " up when you want it back",
		}
	}
	return control("stop", role, out, service.Service.Stop)
}

func control(verb string, role proto.Role, out io.Writer, do func(service.Service) error) error {
	h := &host{out: out}
	h.say("%-7s %s", verb, Name(role))
	s, err := managed(role)
	if err == nil {
		err = do(s)
	}
	if err != nil {
		return explain(verb+" service "+Name(role), err, adminHint)
	}
	return nil
}

func managed(role proto.Role) (service.Service, error) {
	return manager(program{}, define(Config{Role: role}, false))
}

// WhyFailed returns how one learns why the service of a role failed.
func WhyFailed(role proto.Role) string { return WhereItSays(role) }

// StartCommand returns the command that starts the service of a role.
func StartCommand(role proto.Role) string { return "oneping " + string(role) + " up" }
