package cmd

import (
	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// adminFlags are the flags of every command that asks a running edge.
type adminFlags struct {
	output
	stateDir string
}

// bind adds the flags to cmd. Where no edge runs, the command's error says how one is started.
func (a *adminFlags) bind(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().StringVar(&a.stateDir, "state-dir", "", "data `DIR` of the edge "+stateDirHelp(proto.RoleEdge))
	a.output.bind(cmd, "")
	run := cmd.RunE
	cmd.RunE = func(c *cobra.Command, args []string) error { return a.notRunning(c, run(c, args)) }
	return cmd
}

// edge returns the admin API of the edge on this machine.
func (a *adminFlags) edge() *admin.Client {
	return admin.NewClient(process.FindSocket(proto.RoleEdge, a.stateDir))
}

func (a *adminFlags) notRunning(c *cobra.Command, err error) error {
	return notRunning(c.Context(), err, proto.RoleEdge, a.stateDir)
}
