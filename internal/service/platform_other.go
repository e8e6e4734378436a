//go:build darwin || windows

package service

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/kardianos/service"
)

// program stands for a service that is only managed here, not run.
type program struct{}

func (program) Start(service.Service) error { return nil }
func (program) Stop(service.Service) error  { return nil }

// manager returns this system's service manager for one service.
func manager(i service.Interface, d definition) (service.Service, error) {
	return service.New(i, &service.Config{
		Name: d.Name, DisplayName: d.DisplayName, Description: d.Description,
		Executable: d.Executable, Arguments: d.Arguments, Option: d.Options,
	})
}

// Install makes the role a service that runs now and at each boot.
func Install(_ context.Context, cfg Config) error {
	h := &host{dry: cfg.DryRun, out: cfg.Out}
	err := install(h, cfg)
	if err != nil {
		return explain("install service "+Name(cfg.Role), err, adminHint)
	}
	return nil
}

func install(h *host, cfg Config) error {
	token := TokenPath(cfg.Role)
	if cfg.Token != "" {
		if err := h.write(token, strings.TrimSpace(cfg.Token)+"\n", 0o600); err != nil {
			return err
		}
		if err := protect(h, token); err != nil {
			return err
		}
	}
	d := define(cfg, cfg.Token != "" || h.exists(token))
	s, err := manager(program{}, d)
	if err != nil {
		return err
	}
	h.say("install %s: %s %s", d.Name, d.Executable, strings.Join(d.Arguments, " "))
	if h.dry {
		return nil
	}
	if _, err := s.Status(); !errors.Is(err, service.ErrNotInstalled) { // another program or token than before
		_ = s.Stop() // it may not run
		if err := s.Uninstall(); err != nil {
			return err
		}
	}
	if err := s.Install(); err != nil {
		return err
	}
	h.say("start   %s", d.Name)
	return s.Start()
}

// Uninstall undoes what Install did. What the service has kept, its identity for one, stays.
func Uninstall(_ context.Context, cfg Config) error {
	h := &host{dry: cfg.DryRun, out: cfg.Out}
	if err := uninstall(h, cfg); err != nil {
		return explain("uninstall service "+Name(cfg.Role), err, adminHint)
	}
	return nil
}

func uninstall(h *host, cfg Config) error {
	d := define(cfg, false)
	s, err := manager(program{}, d)
	if err != nil {
		return err
	}
	if _, err := s.Status(); errors.Is(err, service.ErrNotInstalled) {
		h.say("keep    %s is not installed", d.Name)
	} else {
		h.say("remove  %s", d.Name)
		if !h.dry {
			_ = s.Stop() // it may not run
			if err := s.Uninstall(); err != nil {
				return err
			}
		}
	}
	if err := h.remove(TokenPath(cfg.Role)); err != nil {
		return err
	}
	return h.removeEmpty(filepath.Dir(TokenPath(cfg.Role)))
}
