package cmd

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

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
		Example: `  oneping lab -- traceroute -I 172.16.10.120
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
			return labExit(lab.Run(c.Context(), opts, labCommand("laptop", args), labProgress()))
		},
	}
	flags.bind(cmd)
	cmd.SetFlagErrorFunc(func(c *cobra.Command, err error) error {
		if c == cmd {
			return wrongUse(err, "see oneping lab --help; a command for the laptop stands after --")
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
			return opts, fmt.Errorf("read policy: %w", err)
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

func labProgress() *term.Progress {
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
	return err
}

func newLabUpCmd() *cobra.Command {
	var flags labFlags
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Start a lab and leave it running",
		Long: `up starts what "oneping lab -- COMMAND" starts and leaves it running, until
"oneping lab down" or until this machine ends. Several labs run beside each other,
each with a --name. With --bare nothing of oneping runs in it: start the roles by
hand, in a shell of each node.`,
		Example: "  oneping lab up\n  oneping lab up --name two --routers 2 --laptops 2\n  oneping lab up --bare",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			opts, err := flags.options()
			if err != nil {
				return err
			}
			begin := time.Now()
			if err := lab.Up(c.Context(), opts, labProgress()); err != nil {
				return err
			}
			suffix := ""
			if opts.Name != "" && opts.Name != lab.DefaultName {
				suffix = " --name " + opts.Name
			}
			if opts.Bare {
				_, err = fmt.Fprintf(c.OutOrStdout(), "bare lab up in %.1f s; its edge is to listen at %[3]s:7844\n\n  oneping lab shell%[2]s edge\n  oneping lab shell%[2]s connector\n  oneping lab shell%[2]s laptop\n  oneping lab down%[2]s\n",
					time.Since(begin).Seconds(), suffix, lab.EdgeV4)
				return err
			}
			server, _ := lab.Server(opts.Routers)
			_, err = fmt.Fprintf(c.OutOrStdout(), "lab up in %.1f s\n\n  oneping lab exec%[2]s laptop -- ping %[3]s\n  oneping lab shell%[2]s laptop\n  oneping lab down%[2]s\n",
				time.Since(begin).Seconds(), suffix, server)
			return err
		},
	}
	flags.bind(cmd)
	return cmd
}

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
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		return wrongUse(err, "a command stands after --: oneping lab exec NODE -- COMMAND…")
	})
	return cmd
}

func newLabShellCmd() *cobra.Command {
	var name string
	return bindLabName(&cobra.Command{
		Use:        "shell NODE",
		SuggestFor: []string{"sh", "ssh", "enter"},
		Short:      "Open a shell in a node",
		Example:    "  oneping lab shell laptop",
		Args:       exactArgs("NODE"),
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

func newLabDownCmd() *cobra.Command {
	var name string
	var all bool
	cmd := bindLabName(&cobra.Command{
		Use:        "down",
		SuggestFor: []string{"rm", "delete", "kill"},
		Short:      "End a lab; nothing is left of it",
		Example:    "  oneping lab down\n  oneping lab down --all",
		Args:       exactArgs(),
		RunE: func(_ *cobra.Command, _ []string) error {
			if !all {
				return lab.Down(name)
			}
			names, err := lab.List()
			for i := 0; err == nil && i < len(names); i++ {
				err = lab.Down(names[i])
			}
			return err
		},
	}, &name)
	cmd.Flags().BoolVar(&all, "all", false, "end all of your labs")
	return cmd
}

func newLabStatusCmd() *cobra.Command {
	var name string
	var asJSON bool
	cmd := &cobra.Command{
		Use:        "status",
		SuggestFor: []string{"ls", "list", "ps"},
		Short:      "Show your labs, or the nodes of one",
		Example:    "  oneping lab status\n  oneping lab status --json | jq -r '.[].nodes[] | select(.ready) | .name'",
		Args:       exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			names := []string{name}
			if name == "" {
				var err error
				if names, err = lab.List(); err != nil {
					return err
				}
			}
			list := []lab.Status{}
			for _, name := range names {
				status, err := lab.GetStatus(name)
				if err != nil {
					return err
				}
				list = append(list, status)
			}
			return printLabs(c.OutOrStdout(), list, asJSON)
		},
	}
	cmd.Flags().StringVar(&name, "name", "", "`NAME` of the lab; without it all of your labs")
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON: a list of labs")
	return cmd
}

func printLabs(out io.Writer, list []lab.Status, asJSON bool) error {
	if asJSON {
		return term.JSON(out, list)
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(out, "no lab is up")
		return err
	}
	for i, status := range list {
		if i > 0 {
			fmt.Fprintln(out)
		}
		if err := printLab(out, status); err != nil {
			return err
		}
	}
	return nil
}

func printLab(out io.Writer, s lab.Status) error {
	mode := "root"
	if s.Rootless {
		mode = "no root"
	}
	fmt.Fprintf(out, "lab %s  up %s  %s\n", s.Name, time.Since(s.Started).Round(time.Second), mode)
	for _, link := range s.Links {
		fmt.Fprintf(out, "link %s  %s\n", link.Name, link.Shape)
	}
	t := &term.Table{Empty: "-"}
	t.Row("NODE", "STATE", "PID", "USER", "ADDRESSES")
	for _, node := range s.Nodes {
		t.Row(node.Name, labState(node), labNumber(node.PID), node.User, labAddresses(node))
	}
	if err := t.Print(out); err != nil {
		return err
	}
	for _, node := range s.Nodes {
		if node.State == lab.StateExited {
			fmt.Fprintf(out, "%s ended by itself; see oneping lab logs --name %s %s\n", node.Name, s.Name, node.Name)
		}
	}
	return nil
}

func labState(n lab.NodeStatus) string {
	switch {
	case n.State == lab.StateRunning && n.Ready:
		return "ready"
	case n.State == lab.StateExited && n.ExitCode != nil:
		return fmt.Sprintf("exited (%d)", *n.ExitCode)
	}
	return string(n.State)
}

func labNumber(n int) string {
	if n == 0 {
		return ""
	}
	return strconv.Itoa(n)
}

func labAddresses(n lab.NodeStatus) string {
	var parts []string
	for _, device := range n.Devices {
		for _, prefix := range device.Addrs {
			parts = append(parts, prefix.String())
		}
	}
	return strings.Join(parts, " ")
}

// newLabHiddenCmds are the processes of a lab; it starts them itself.
func newLabHiddenCmds() []*cobra.Command {
	holder := &cobra.Command{
		Use: "holder", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error { return lab.RunHolder(c.Context()) },
	}
	var id int
	var raw bool
	drop := &cobra.Command{
		Use: "drop -- COMMAND…", Hidden: true, Args: cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error { return lab.Drop(c.Context(), id, raw, args) },
	}
	drop.Flags().IntVar(&id, "id", 0, "user and group to become")
	drop.Flags().BoolVar(&raw, "raw", false, "keep CAP_NET_RAW")
	var shape string
	var seed uint64
	link := &cobra.Command{
		Use: "link", Hidden: true, Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			parsed, err := lab.ParseShape(shape)
			if err != nil {
				return err
			}
			return lab.RunLinkProcess(c.Context(), parsed, seed)
		},
	}
	link.Flags().StringVar(&shape, "shape", "", "delay, jitter, loss, rate")
	link.Flags().Uint64Var(&seed, "seed", 1, "seed of losses and jitters")
	var follow bool
	tail := &cobra.Command{
		Use: "tail FILE", Hidden: true, Args: cobra.ExactArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			return lab.Tail(c.Context(), args[0], follow, c.OutOrStdout())
		},
	}
	tail.Flags().BoolVar(&follow, "follow", false, "keep showing what is added")
	return []*cobra.Command{holder, drop, link, tail}
}
