package cmd

import (
	"io"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/connector/check"
	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/internal/memory"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

func newConnectorCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "connector",
		SuggestFor: []string{"agent", "site", "relay"},
		Short:      "Serve a private subnet to the edge, without privileges",
		Long: `A connector runs on any host inside the private subnet, connects out to the edge
and sends what comes over that link into its own network. Several connectors of
one tunnel serve it together.`,
		Example: `  oneping connector check --token-file connector.token
  oneping connector run --token-file connector.token
  oneping connector status`,
		Args: exactArgs(),
	}
	cmd.AddGroup(
		&cobra.Group{ID: groupRoles, Title: "On the connector's host:"},
		&cobra.Group{ID: groupManage, Title: "On the edge's machine:"},
	)
	addGroup(cmd, groupRoles, newConnectorRunCmd(), newConnectorStatusCmd(), newConnectorCheckCmd(), newConnectorConfigCmd(), newServiceCmd(proto.RoleConnector))
	addGroup(cmd, groupRoles, newUpCmd(proto.RoleConnector), newDownCmd(proto.RoleConnector), newRestartCmd(proto.RoleConnector), newLogsCmd(proto.RoleConnector))
	addGroup(cmd, groupManage, newConnectorListCmd(), newConnectorRevokeCmd())
	return cmd
}

// connectorFlags are the flags of run.
type connectorFlags struct {
	path        string // of the configuration file
	tokenFile   string // of file and flags
	stateDir    string
	given       connector.File
	allow, deny []string
}

func (f *connectorFlags) bind(cmd *cobra.Command) {
	set := cmd.Flags()
	bindConnectorDir(cmd, &f.stateDir)
	set.StringVar(&f.given.TokenFile, "token-file", "", tokenHelp("tunnel's token"))
	set.StringSliceVar(&f.allow, "allow", nil, "`PREFIX` or address to open that is refused by default (repeatable)")
	set.StringSliceVar(&f.deny, "deny", nil, "`PREFIX` or address to refuse (repeatable)")
	set.StringVar(&f.given.ICMP, "icmp", string(icmp.Auto), "`HOW` ICMP is sent: auto, ping, raw")
	set.StringVar(&f.given.Hops, "hops", string(connector.HopsTrue), "`HOW` the way behind the connector shows: true (each router), single (one hop)")
	set.StringVar(&f.given.Metrics, "metrics", "", "TCP `HOST:PORT` at which Prometheus is answered, at /metrics (default none)")
	set.StringVar(&f.given.LogLevel, "log-level", "info", "`LEVEL`: debug, info, warn or error")
	set.StringVar(&f.path, "config", "", configHelp(proto.RoleConnector))
}

func bindConnectorDir(cmd *cobra.Command, dir *string) {
	cmd.Flags().StringVar(dir, "state-dir", "", "`DIR` where key, certificate and local socket are kept "+stateDirHelp(proto.RoleConnector))
}

// load reads the file and lays the flags over it.
func (f *connectorFlags) load(cmd *cobra.Command) (connector.File, error) {
	file, err := readConfig(cmd, proto.RoleConnector, &f.path, connector.LoadFile)
	if err != nil {
		return file, err
	}
	if file.Allow, err = overList(cmd, "allow", "a prefix or address such as 10.0.0.0/8", f.allow, file.Allow, conf.ParsePrefix); err != nil {
		return file, err
	}
	if file.Deny, err = overList(cmd, "deny", "a prefix or address such as 10.0.0.0/8", f.deny, file.Deny, conf.ParsePrefix); err != nil {
		return file, err
	}
	file.TokenFile = over(cmd, "token-file", f.given.TokenFile, file.TokenFile)
	f.tokenFile = file.TokenFile
	if file.StateDir, err = stateDirOf(proto.RoleConnector, over(cmd, "state-dir", f.stateDir, file.StateDir)); err != nil {
		return file, badConfig(cmd, f.path, err)
	}
	file.ICMP = over(cmd, "icmp", f.given.ICMP, file.ICMP)
	file.Hops = over(cmd, "hops", f.given.Hops, file.Hops)
	file.Metrics = over(cmd, "metrics", f.given.Metrics, file.Metrics)
	file.LogLevel = over(cmd, "log-level", f.given.LogLevel, file.LogLevel)
	return file, nil
}

// build merges file and flags into a checked connector that has not touched anything yet.
func (f *connectorFlags) build(cmd *cobra.Command) (*connector.Connector, connector.Config, error) {
	file, err := f.load(cmd)
	if err != nil {
		return nil, connector.Config{}, err
	}
	cfg, err := file.Config()
	if err != nil {
		return nil, cfg, badConfig(cmd, f.path, err)
	}
	log, err := newLogger(proto.RoleConnector, file.LogLevel)
	if err != nil {
		return nil, cfg, badConfig(cmd, f.path, err)
	}
	log = log.With(zap.String(obs.FieldRole, string(proto.RoleConnector)))
	cfg.Version, cfg.Log, cfg.Memory = cmd.Root().Version, log, memory.Limit()
	cfg.Node = node.New(node.Config{
		Role: proto.RoleConnector, StateDir: cfg.StateDir, Version: cmd.Root().Version, Log: log,
		TokenSource: process.TokenFrom(proto.RoleConnector, file.TokenFile),
	})
	cn, err := connector.New(cfg)
	return cn, cfg, err
}

func newConnectorRunCmd() *cobra.Command {
	var f connectorFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the connector in the foreground until it is interrupted",
		Long: `run enrols with a token on the first start (later starts need none), keeps a
link to the edge and sends what comes over it into this host's network: echo
requests, UDP and TCP, each with the TTL that a router here would give it. It
needs no privilege; ICMP needs the group of this process inside
net.ipv4.ping_group_range ("oneping connector check" says so, with the command).

Loopback and the edge itself are refused unless --allow names them, and so are
link-local addresses and whatever else leads to the metadata service of a cloud
(169.254.169.254, fd00:ec2::254, 100.100.100.200, …): a wider prefix does not
open those. --deny wins over --allow.

Routers behind the connector show as the hops that they are. With --hops single
the whole way from the connector to a server shows as one hop.`,
		Example: `  oneping connector run --token-file connector.token
  oneping connector run --deny 172.16.10.1`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cn, cfg, err := f.build(c)
			if err != nil {
				return err
			}
			memory.Keep(cfg.Memory)
			defer obs.TakeStd(cfg.Log)()
			return besideToken(c.Context(), runRole(c, proto.RoleConnector, cn.Run), proto.RoleConnector, f.tokenFile)
		},
	}
	f.bind(cmd)
	return cmd
}

func newConnectorConfigCmd() *cobra.Command {
	var f connectorFlags
	return newConfigCmd(proto.RoleConnector, f.bind, func(c *cobra.Command) (string, error) {
		_, _, err := f.build(c)
		return f.path, err
	})
}

func newConnectorStatusCmd() *cobra.Command {
	var dir string
	var ready bool
	var out output
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show link, ICMP mode, mappings, sessions, flows and counters",
		Long: `status asks the connector that runs on this machine. With --ready it prints
nothing and its exit code is 0 when an edge has welcomed it; else it says why
not, with 1.`,
		Example: "  oneping connector status\n  oneping connector status --ready || echo not yet",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			return showStatus(c, proto.RoleConnector, dir, ready, &out)
		},
	}
	bindReady(cmd, &ready, proto.RoleConnector)
	bindConnectorDir(cmd, &dir)
	out.bind(cmd, "")
	return cmd
}

func newConnectorCheckCmd() *cobra.Command {
	var out output
	var f connectorFlags
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try every precondition of a connector on this host and name what fixes it",
		Long: `check tries what run needs: the configuration file, sockets for ICMP,
descriptors, IPv6, the state directory and the way to the edge, which a token
names or with which this connector has enrolled.
Its exit code is 1 where something that is needed failed.`,
		Example: "  oneping connector check --token-file connector.token",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := f.load(c)
			if err != nil {
				return err
			}
			findings := check.Run(c.Context(), check.Config{
				StateDir: file.StateDir, ICMP: icmp.Mode(file.ICMP),
				Token: func() ([]string, bool, error) {
					t, ok, err := process.ReadToken(c.Context(), proto.RoleConnector, file.TokenFile)
					if ok {
						err = process.CheckTokenKind(t, proto.RoleConnector)
					}
					return t.Edges, ok, err
				},
				Enrolled: func() ([]string, error) { return node.StoredEdges(file.StateDir) },
				Dial:     check.DialEdge,
			})
			write := func(w io.Writer) error { return check.Write(w, findings) }
			if err := out.print(c, findings, write); err != nil {
				return err
			}
			if !check.Passed(findings) {
				return &exitError{code: 1}
			}
			return nil
		},
	}
	bindConnectorDir(cmd, &f.stateDir)
	out.bind(cmd, "")
	cmd.Flags().StringVar(&f.given.TokenFile, "token-file", "", tokenHelp("tunnel's token"))
	cmd.Flags().StringVar(&f.path, "config", "", configHelp(proto.RoleConnector))
	return cmd
}
