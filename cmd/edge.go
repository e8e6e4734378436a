package cmd

import (
	"context"
	"io"
	"net/netip"
	"strconv"
	"sync"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/internal/memory"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

func newEdgeCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "edge",
		SuggestFor: []string{"server", "controller", "gateway"},
		Short:      "Run the edge: let nodes in, decide, route, answer as a router",
		Long: `The edge is the one machine that clients and connectors reach over the Internet:
UDP port 7844. It is a certificate authority of its own, decides who may reach
what, routes by prefix to a connector and answers as a router on the path.

Its tunnels, routes, devices and policy are managed on this machine with
oneping tunnel, route, device and policy.`,
		Args: exactArgs(),
	}
	cmd.AddCommand(newEdgeInitCmd(), newEdgeRunCmd(), newEdgeStatusCmd(), newEdgeBackupCmd(), newEdgeRestoreCmd(), newEdgeRekeyCmd(), newEdgeConfigCmd(), newServiceCmd(proto.RoleEdge))
	cmd.AddCommand(newUpCmd(proto.RoleEdge), newDownCmd(proto.RoleEdge), newRestartCmd(proto.RoleEdge), newLogsCmd(proto.RoleEdge))
	return cmd
}

// edgeFlags are the flags of init and run.
type edgeFlags struct {
	config, level string
	edge          edge.File
	hops, capture []string
}

func (f *edgeFlags) bind(cmd *cobra.Command) {
	f.bindStore(cmd)
	set := cmd.Flags()
	set.StringVar(&f.edge.Listen, "listen", "", "UDP address for nodes, `HOST:PORT` (default :7844)")
	set.StringArrayVar(&f.edge.Advertise, "advertise", nil, "address under which nodes reach this edge, `HOST:PORT`; goes into tokens (repeatable)")
	set.StringArrayVar(&f.hops, "hop", nil, "`ADDRESS` from which the edge answers as a router, one per family (repeatable; default 192.0.0.8 and one of its own IPv6 prefix)")
	set.StringArrayVar(&f.capture, "capture", nil, "`PREFIX` that clients take off their hosts, beside every prefix ever routed (repeatable)")
	set.StringVar(&f.edge.Unreachable, "unreachable", "", "`HOW` refusals look: answer (as a router would) or silent (default answer)")
	set.IntVar(&f.edge.MTU, "mtu", 0, "MTU of the clients' TUN devices in `BYTES` (default 1500)")
	set.StringVar(&f.edge.Metrics, "metrics", "", "TCP `HOST:PORT` at which Prometheus is answered, at /metrics (default none)")
	set.StringVar(&f.level, "log-level", "", "`LEVEL`: debug, info, warn or error (default info)")
}

// bindStore adds the flags that say where an edge's state is.
func (f *edgeFlags) bindStore(cmd *cobra.Command) {
	cmd.Flags().StringVar(&f.edge.StateDir, "state-dir", "", "data `DIR`: authority, store, local socket "+stateDirHelp(proto.RoleEdge))
	cmd.Flags().StringVar(&f.config, "config", "", configHelp(proto.RoleEdge))
}

// build merges file and flags into a checked edge.
func (f *edgeFlags) build(cmd *cobra.Command) (*edge.Edge, edge.Config, error) {
	file, err := f.load(cmd)
	if err != nil {
		return nil, edge.Config{}, err
	}
	cfg, err := file.Config()
	if err != nil {
		return nil, cfg, badConfig(cmd, f.config, err)
	}
	cfg.Version, cfg.Memory = cmd.Root().Version, memory.Limit()
	if cfg.Log, err = newLogger(proto.RoleEdge, file.LogLevel); err != nil {
		return nil, cfg, badConfig(cmd, f.config, err)
	}
	e, err := edge.New(cfg)
	if err != nil {
		return nil, cfg, badConfig(cmd, f.config, err)
	}
	return e, cfg, nil
}

// load reads the file and lays the flags over it.
func (f *edgeFlags) load(cmd *cobra.Command) (edge.File, error) {
	file, err := readConfig(cmd, proto.RoleEdge, &f.config, edge.LoadFile)
	if err != nil {
		return file, err
	}
	if file.Hops, err = overList(cmd, "hop", "an address such as 172.68.101.57", f.hops, file.Hops, netip.ParseAddr); err != nil {
		return file, err
	}
	if file.Capture, err = overList(cmd, "capture", "a prefix such as 172.16.0.0/12", f.capture, file.Capture, netip.ParsePrefix); err != nil {
		return file, err
	}
	if file.StateDir, err = stateDirOf(proto.RoleEdge, over(cmd, "state-dir", f.edge.StateDir, file.StateDir)); err != nil {
		return file, badConfig(cmd, f.config, err)
	}
	file.Listen = over(cmd, "listen", f.edge.Listen, file.Listen)
	file.Advertise = over(cmd, "advertise", f.edge.Advertise, file.Advertise)
	file.Unreachable = over(cmd, "unreachable", f.edge.Unreachable, file.Unreachable)
	file.MTU = over(cmd, "mtu", f.edge.MTU, file.MTU)
	file.Metrics = over(cmd, "metrics", f.edge.Metrics, file.Metrics)
	file.LogLevel = over(cmd, "log-level", f.level, file.LogLevel)
	return file, nil
}

// words returns the flags that were given, for the command line that the guide prints.
func (f *edgeFlags) words(cmd *cobra.Command) []string {
	var out []string
	for _, flag := range []struct {
		name   string
		values []string
	}{
		{"config", []string{f.config}},
		{"state-dir", []string{f.edge.StateDir}},
		{"listen", []string{f.edge.Listen}},
		{"advertise", f.edge.Advertise},
		{"hop", f.hops},
		{"capture", f.capture},
		{"unreachable", []string{f.edge.Unreachable}},
		{"mtu", []string{strconv.Itoa(f.edge.MTU)}},
		{"metrics", []string{f.edge.Metrics}},
		{"log-level", []string{f.level}},
	} {
		if cmd.Flags().Changed(flag.name) {
			for _, v := range flag.values {
				out = append(out, "--"+flag.name, v)
			}
		}
	}
	return out
}

func newEdgeInitCmd() *cobra.Command {
	var f edgeFlags
	cmd := &cobra.Command{
		Use:   "init",
		Short: "Make the authority and print the commands to type next",
		Long: `init makes the data directory and the certificate authority, and prints the
commands to type on the edge, on the connector's host and on the laptop. It may
be repeated and changes nothing that exists. "oneping edge run" does the same at
its first start.`,
		Example: "  oneping edge init --advertise edge.example.com:7844",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			e, cfg, err := f.build(c)
			if err != nil {
				return err
			}
			setup, err := e.SetUp()
			if err != nil {
				return err
			}
			return newGuide(setup, cfg, append([]string{"oneping", "edge", "run"}, f.words(c)...)...).write(c.OutOrStdout())
		},
	}
	f.bind(cmd)
	return cmd
}

func newEdgeRunCmd() *cobra.Command {
	var f edgeFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the edge in the foreground until it is interrupted",
		Long: `run keeps its state in --state-dir, which one edge at a time may use, and
serves nodes on UDP port 7844. At the first start it makes the authority and
prints the commands to type next. Without --advertise, tokens name this host's
own addresses: name the public one where there is address translation in front.`,
		Example: `  oneping edge run --advertise edge.example.com:7844
  oneping edge run --state-dir ./edge --listen 127.0.0.1:7844`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			e, cfg, err := f.build(c)
			if err != nil {
				return err
			}
			memory.Keep(cfg.Memory)
			defer obs.TakeStd(cfg.Log)()
			setup, err := e.SetUp()
			if err != nil {
				return err
			}
			return runRole(c, proto.RoleEdge, func(ctx context.Context) error {
				ctx, cancel := context.WithCancel(ctx)
				var guide sync.WaitGroup
				defer guide.Wait()
				defer cancel()
				if setup.First {
					guide.Go(func() { writeGuide(ctx, e, newGuide(setup, cfg), c.ErrOrStderr()) })
				}
				return e.Run(ctx)
			})
		},
	}
	f.bind(cmd)
	return cmd
}

// writeGuide writes what to type next, once nodes can connect.
func writeGuide(ctx context.Context, e *edge.Edge, g *guide, w io.Writer) {
	select {
	case <-e.Ready():
		_ = g.write(w) // for people; nothing depends on it
	case <-ctx.Done():
	}
}

func newEdgeConfigCmd() *cobra.Command {
	var f edgeFlags
	return newConfigCmd(proto.RoleEdge, f.bind, func(c *cobra.Command) (string, error) {
		_, cfg, err := f.build(c)
		if err != nil {
			return f.config, err
		}
		if err := cfg.Store.Check(); err != nil {
			return f.config, badConfig(c, f.config, err)
		}
		return f.config, nil
	})
}

func newEdgeStatusCmd() *cobra.Command {
	var a adminFlags
	var ready bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show what the edge does now",
		Long: `status asks the edge that runs on this machine. With --ready it prints nothing
and its exit code is 0 when nodes can connect and changes can be written; else it
says why not, with 1.`,
		Example: "  oneping edge status\n  oneping edge status --ready || echo not yet",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			return showStatus(c, proto.RoleEdge, a.stateDir, ready, &a.output)
		},
	}
	bindReady(cmd, &ready, proto.RoleEdge)
	return a.bind(cmd)
}
