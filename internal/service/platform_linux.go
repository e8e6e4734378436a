package service

import (
	"context"
	"os"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// Install makes the role a service that runs now and at each boot.
func Install(ctx context.Context, cfg Config) error {
	s, err := newSystemd(cfg, "install")
	if err != nil {
		return err
	}
	return explained("install", cfg, s.install(ctx))
}

// Uninstall undoes what Install did. What the service has kept, its identity for one, stays.
func Uninstall(ctx context.Context, cfg Config) error {
	s, err := newSystemd(cfg, "uninstall")
	if err != nil {
		return err
	}
	return explained("uninstall", cfg, s.uninstall(ctx))
}

func explained(verb string, cfg Config, err error) error {
	if err == nil {
		return nil
	}
	return explain(verb+" service "+Name(cfg.Role), err, "run it as root")
}

func newSystemd(cfg Config, verb string) (*systemd, error) {
	if os.Geteuid() != 0 && !cfg.DryRun {
		return nil, &advice.Error{
			Text:   verb + " service: only root may",
			Advice: "sudo oneping " + string(cfg.Role) + " service " + verb + ", or --dry-run to see what it would do",
		}
	}
	return &systemd{cfg: cfg, host: &host{dry: cfg.DryRun, out: cfg.Out, run: command}}, nil
}

// WhereItSays returns how the log of a role's service is read.
func WhereItSays(role proto.Role) string { return "journalctl -u " + Name(role) + " -n 20" }

// Supervised runs f; on Linux a supervisor asks nothing of a process but to end on SIGTERM.
func Supervised(ctx context.Context, _ string, f func(context.Context) int) int { return f(ctx) }
