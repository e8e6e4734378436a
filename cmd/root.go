// Package cmd is the command line: one file a noun. It turns flags and files into the
// configuration of a role, runs it, and says in words and exit codes how that went.
// What a role does stands in the role.
package cmd

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/internal/term"
)

// Main runs the command line args of the build named version until it ends or the process is told
// to stop, and returns the exit code: 0 done, 1 failed, 2 not a command line, or a command's own.
func Main(version string, args []string) int {
	ctx, stop := process.UntilStopped(context.Background())
	defer stop()
	first := ""
	if len(args) > 0 {
		first = args[0]
	}
	return service.Supervised(ctx, first, func(ctx context.Context) int { return run(ctx, version, args) })
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, version string, args []string) int {
	root := newRootCmd(version)
	root.SetArgs(args)
	err := wrongCommand(root, args)
	if err == nil {
		err = root.ExecuteContext(ctx)
	}
	var exit *exitError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &exit) && exit.cause == nil:
		return exit.code
	case errors.Is(err, context.Canceled) && ctx.Err() != nil:
		return 0 // asked to stop
	case unread(err):
		return brokenPipe
	}
	fmt.Fprintln(os.Stderr, "oneping: error:", err)
	if hint := advice.Of(err); hint != "" {
		term.Hint(os.Stderr, asTyped(hint))
	}
	var u *usageError
	switch {
	case exit != nil:
		return exit.code
	case errors.As(err, &u):
		return 2
	}
	return 1
}

// brokenPipe is the exit code of who writes to a pipe that nobody reads any more, as a shell shows it:
// 128 + SIGPIPE. Like other tools of Unix, oneping says nothing about that.
const brokenPipe = 128 + int(syscall.SIGPIPE)

// unread says whether err is that nobody reads our output.
func unread(err error) bool {
	file, ok := errors.AsType[*fs.PathError](err)
	return ok && file.Path == os.Stdout.Name() && errors.Is(err, syscall.EPIPE)
}

// Groups of the commands in the help of oneping.
const (
	groupTry    = "try"
	groupHere   = "here"
	groupAsk    = "ask"
	groupRoles  = "roles"
	groupManage = "manage"
)

func newRootCmd(version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "oneping",
		Short: "A private network that tells the truth about its path",
		Long: `oneping carries a laptop's ping, traceroute, UDP and TCP over QUIC to an edge,
which decides who may reach what and routes to a connector in a private
subnet. What the tools report is what a row of real routers would report.

Try it on this machine, without root:

  oneping lab -- oneping trace -I 172.16.10.120`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       version,
	}
	root.SetVersionTemplate("oneping {{.Version}}\n") // as the command prints it
	root.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		return wrongFlag(c, err, seeHelp(c))
	})
	root.SetHelpFunc(showHelp)
	root.PersistentPreRun = func(c *cobra.Command, _ []string) {
		if c.Name() == cobra.ShellCompRequestCmd {
			unquoteHelp(root)
		}
	}
	root.AddGroup(
		&cobra.Group{ID: groupTry, Title: "Try everything on this machine:"},
		&cobra.Group{ID: groupHere, Title: "What there is on this machine:"},
		&cobra.Group{ID: groupAsk, Title: "Ask for the path, without root:"},
		&cobra.Group{ID: groupRoles, Title: "Run a role, each on its machine:"},
		&cobra.Group{ID: groupManage, Title: "Manage the edge, on its machine:"},
	)
	addGroup(root, groupTry, newLabCmd())
	addGroup(root, groupHere, newStatusCmd(), newUpCmd(roles()...), newDownCmd(roles()...), newRestartCmd(roles()...), newLogsCmd(roles()...))
	addGroup(root, groupAsk, newTraceCmd(), newPingCmd())
	addGroup(root, groupRoles, newEdgeCmd(), newConnectorCmd(), newClientCmd())
	addGroup(root, groupManage, newTunnelCmd(), newRouteCmd(), newPolicyCmd(), newDeviceCmd(), newTokenCmd())
	root.AddCommand(newVersionCmd(), newDocsCmd(root))
	offerValues(root)
	checkValues(root)
	return root
}

func addGroup(root *cobra.Command, group string, cmds ...*cobra.Command) {
	for _, cmd := range cmds {
		cmd.GroupID = group
	}
	root.AddCommand(cmds...)
}

func newVersionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version",
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			_, err := fmt.Fprintln(c.OutOrStdout(), "oneping", c.Root().Version)
			return err
		},
	}
}
