package cmd

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/lab"
)

func newLabExecCmd() *cobra.Command {
	var name string
	cmd := bindLabName(&cobra.Command{
		Use:   "exec [flags] NODE -- COMMAND…",
		Short: "Run a command in a node, with your terminal, files and exit code",
		Long: `exec runs a command in the node's network namespace, with this machine's files
and programs, your environment and directory. oneping there asks the node's own
role. Without root it runs as root of a user namespace, which is you outside.`,
		Example: "  oneping lab exec laptop -- ping 172.16.10.120\n  oneping lab exec connector -- ss -uap\n  oneping lab exec edge -- oneping route list",
		Args: func(c *cobra.Command, args []string) error {
			if c.ArgsLenAtDash() > 1 || len(args) < 2 {
				return wrongUse(fmt.Errorf("want a node and a command"), "oneping lab exec NODE -- COMMAND…")
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			return labExit(lab.Exec(name, labCommand(args[0], args[1:])))
		},
	}, &name)
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return wrongFlag(c, err, "a command stands after --: oneping lab exec NODE -- COMMAND…")
	})
	return cmd
}

func newLabShellCmd() *cobra.Command {
	var name string
	return bindLabName(&cobra.Command{
		Use:     "shell NODE",
		Short:   "Open a shell in a node",
		Example: "  oneping lab shell laptop",
		Args:    exactArgs("NODE"),
		RunE: func(_ *cobra.Command, args []string) error {
			shell := os.Getenv("SHELL")
			if shell == "" {
				shell = "/bin/sh"
			}
			return labExit(lab.Exec(name, labCommand(args[0], []string{shell})))
		},
	}, &name)
}

func newLabStopCmd() *cobra.Command {
	var name string
	var kill bool
	cmd := bindLabName(&cobra.Command{
		Use:     "stop NODE",
		Short:   "Stop a node: its role, or the links of a host or router",
		Example: "  oneping lab stop connector\n  oneping lab stop --kill edge",
		Args:    exactArgs("NODE"),
		RunE:    func(_ *cobra.Command, args []string) error { return lab.StopNode(name, args[0], kill) },
	}, &name)
	cmd.Flags().BoolVar(&kill, "kill", false, "end the role with SIGKILL")
	return cmd
}

func newLabStartCmd() *cobra.Command {
	var name string
	return bindLabName(&cobra.Command{
		Use:     "start NODE",
		Short:   "Start a node that was stopped and wait until it is ready",
		Example: "  oneping lab start connector",
		Args:    exactArgs("NODE"),
		RunE:    func(_ *cobra.Command, args []string) error { return lab.StartNode(name, args[0]) },
	}, &name)
}

func newLabLogsCmd() *cobra.Command {
	var name string
	var follow bool
	cmd := bindLabName(&cobra.Command{
		Use:     "logs NODE",
		Short:   "Show the log of a node's role",
		Example: "  oneping lab logs edge\n  oneping lab logs --follow connector",
		Args:    exactArgs("NODE"),
		RunE: func(_ *cobra.Command, args []string) error {
			return labExit(lab.Exec(name, labCommand(args[0], lab.LogCommand(args[0], follow))))
		},
	}, &name)
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "keep showing what is added")
	return cmd
}
