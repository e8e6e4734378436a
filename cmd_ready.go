package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/proto"
)

// bindReady adds --ready to a status command: what health checks and scripts ask.
func bindReady(cmd *cobra.Command, ready *bool, when string) {
	cmd.Flags().BoolVar(ready, "ready", false, "print nothing; exit code 0 when "+when+", else 1")
}

// askRole gets url from the process of a role on this machine.
func askRole(ctx context.Context, role proto.Role, stateDir, url string, out any) error {
	return notRunning(local.Get(ctx, node.FindSocket(role, stateDir), url, out), role, stateDir)
}

// notRunning says of a role that nobody runs here how it is started; other errors stay as they are.
func notRunning(err error, role proto.Role, stateDir string) error {
	if !errors.Is(err, local.ErrNotRunning) {
		return err
	}
	if stateDir == "" {
		stateDir = node.StateDir(role)
	}
	return &local.Error{
		Text:   "no " + string(role) + " is running with state directory " + stateDir,
		Advice: "start it: oneping " + string(role) + " run; or name the directory of the one that runs: --state-dir DIR",
		Cause:  err,
	}
}
