package cmd

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/internal/term"
)

// newLabCmd is `oneping lab`: with a command after "--" one shot, without one
// its subcommands.
func newLabCmd() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "lab [flags] -- COMMAND…",
		Short: "Run laptop, edge, connector and server on this machine",
		Long: `Start the classic example in network namespaces, run COMMAND on its laptop
and remove everything again. No root is needed where unprivileged user
namespaces work. Standard output and the exit code are those of COMMAND.

  laptop ── edge ── connector ── server
            172.68.101.57   172.16.10.100   172.16.10.120

With --routers 2 the path goes on behind the connector: r1 172.16.10.1,
r2 172.16.11.2, server 172.16.12.120. With --plain edge and connector are
Linux routers and nothing of oneping runs: what a direct path looks like.`,
		Example: `  oneping lab -- oneping trace -I 172.16.10.120
  oneping lab --routers 2 -- traceroute 172.16.12.120
  oneping lab --link laptop-edge:delay=20ms,loss=1% -- ping -c 5 172.16.10.120
  oneping lab up && oneping lab shell laptop`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 0 && c.ArgsLenAtDash() != 0 {
				return noCommand(c, args[0], labDash(args))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 0 {
				return c.Help()
			}
			opts, err := flags.options()
			if err != nil {
				return err
			}
			return labExit(lab.Run(c.Context(), opts, labCommand("laptop", args), newProgress()))
		},
	}
	flags.bind(cmd)
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c == cmd {
			return wrongFlag(c, err, "see oneping lab --help; a command for the laptop stands after --")
		}
		return c.Root().FlagErrorFunc()(c, err)
	})
	cmd.AddCommand(newLabUpCmd(), newLabExecCmd(), newLabShellCmd(), newLabStopCmd(), newLabStartCmd(),
		newLabStatusCmd(), newLabLogsCmd(), newLabDownCmd())
	cmd.AddCommand(newLabHiddenCmds()...)
	return cmd
}

// labDash says how the laptop is given the command in args.
func labDash(args []string) string {
	return "a command for the laptop stands after --: oneping lab -- " + strings.Join(args, " ")
}

// labFlags are the flags that describe a lab.
type labFlags struct {
	opts   lab.Options
	links  []string
	policy string
}

func (f *labFlags) bind(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.opts.Name, "name", "", "`NAME` of the lab, to have several at once")
	set.IntVar(&f.opts.Laptops, "laptops", 1, "`N` laptops: laptop (alice@example.com), laptop2 (bob@example.com), …")
	set.IntVar(&f.opts.Hosts, "hosts", 1, "`N` hosts in the private subnet: server (.120), host2 (.121), …")
	set.BoolVar(&f.opts.Router, "router", false, "put a Linux router between the laptops and the edge")
	set.BoolVar(&f.opts.SecondUplink, "second-uplink", false, "give the laptops a second way to the edge, eth1, as by Wi-Fi beside a cable")
	set.IntVar(&f.opts.Routers, "routers", 0, "`N` Linux routers between the connector and the server: r1, r2, …; the server is 172.16.(10+N).120")
	set.BoolVar(&f.opts.Plain, "plain", false, "Linux routers in the places of edge and connector, and nothing of oneping")
	set.StringArrayVar(&f.links, "link", nil, "shape a link; `LINK` is NODE-NODE:delay=20ms,jitter=5ms,loss=1%,rate=10mbit,mtu=1280 (repeatable)")
	set.Uint64Var(&f.opts.Seed, "seed", 1, "`SEED` of the losses and jitters of shaped links")
	set.StringVar(&f.opts.Unreachable, "unreachable", "answer", "`HOW` the edge refuses: answer or silent")
	set.StringVar(&f.policy, "policy", "", "policy `FILE` instead of the lab's own (alice may reach the private subnet)")
	set.BoolVar(&f.opts.NoPolicy, "no-policy", false, "apply no policy: everything is denied")
	set.BoolVar(&f.opts.Raw, "raw", false, "close ping sockets to the connector and give it CAP_NET_RAW, as a container may have it: it uses raw sockets")
	set.BoolVar(&f.opts.Bare, "bare", false, "start no roles: namespaces, links and addresses only")
}

func (f *labFlags) options() (lab.Options, error) {
	opts := f.opts
	for _, text := range f.links {
		link, err := lab.ParseLink(text)
		if err != nil {
			return opts, wrongUse(err, "see oneping lab --help")
		}
		opts.Links = append(opts.Links, link)
	}
	if f.policy != "" {
		text, err := os.ReadFile(f.policy)
		if err != nil {
			return opts, unreadPolicy(err)
		}
		opts.Policy = string(text)
	}
	for name, n := range map[string]int{"laptops": opts.Laptops, "hosts": opts.Hosts} {
		if n < 1 { // in Options zero stands for the default
			return opts, wrongUse(fmt.Errorf("%s %d: want at least 1", name, n), "see oneping lab --help")
		}
	}
	checked := opts
	if err := checked.Validate(); err != nil {
		return opts, wrongUse(err, "see oneping lab --help")
	}
	return opts, nil
}

func bindLabName(cmd *cobra.Command, name *string) *cobra.Command {
	cmd.Flags().StringVar(name, "name", lab.DefaultName, "`NAME` of the lab")
	return cmd
}

func newProgress() *term.Progress {
	return term.NewProgress(os.Stderr, term.IsTerminal(os.Stderr))
}

func labCommand(node string, argv []string) lab.Command {
	return lab.Command{Node: node, Argv: argv, Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr}
}

// labExit turns a command's exit code into the program's.
func labExit(err error) error {
	var exit *lab.ExitError
	if errors.As(err, &exit) {
		return &exitError{code: exit.Code}
	}
	var not *lab.NotStartedError
	if errors.As(err, &not) {
		return &exitError{code: not.Code, cause: err}
	}
	return err
}
