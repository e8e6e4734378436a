package cmd

import (
	"errors"
	"io"
	"os"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/internal/memory"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/proto"
)

func newClientCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "client",
		SuggestFor: []string{"login", "connect", "vpn", "join"},
		Short:      "Connect this machine: take captured traffic through the edge",
		Long: `The client takes the prefixes that the edge names off this machine's network
and carries them over one QUIC link. It answers nothing by itself: what ping,
traceroute and curl report comes from the path behind it.`,
	}
	cmd.AddCommand(newClientUpCmd(), newClientStatusCmd(), newClientRepairCmd(), newClientConfigCmd(), newServiceCmd(proto.RoleClient))
	cmd.AddCommand(newDownCmd(proto.RoleClient), newRestartCmd(proto.RoleClient), newLogsCmd(proto.RoleClient))
	return cmd
}

// clientFlags are the flags of up.
type clientFlags struct {
	path      string // of the configuration file
	tokenFile string // of file and flags
	given     client.File
}

func (f *clientFlags) bind(cmd *cobra.Command) {
	set := cmd.Flags()
	set.StringVar(&f.given.TokenFile, "token-file", "", tokenHelp("device token"))
	set.StringVar(&f.given.StateDir, "state-dir", "", "`DIR` where key, certificate and local socket are kept "+stateDirHelp(proto.RoleClient))
	set.StringVar(&f.given.TUN, "tun", client.DefaultTUN, "`NAME` of the TUN device")
	set.IntVar(&f.given.MTU, "mtu", client.DefaultMTU, "MTU of the TUN device in `BYTES`")
	set.Uint32Var(&f.given.Mark, "mark", client.DefaultMark, "firewall `MARK` of the link's own packets")
	set.StringVar(&f.given.LAN, "lan", client.LANAllow, "`WHICH` networks attached to this machine stay local: allow those more specific than the capture, or deny all")
	set.StringVar(&f.given.LogLevel, "log-level", "info", "`LEVEL`: debug, info, warn or error")
	set.StringVar(&f.path, "config", "", configHelp(proto.RoleClient))
}

// load reads the file and lays the flags over it.
func (f *clientFlags) load(cmd *cobra.Command) (client.File, error) {
	file, err := readConfig(cmd, proto.RoleClient, &f.path, client.LoadFile)
	if err != nil {
		return file, err
	}
	return f.over(cmd, file)
}

// over lays the flags over what a file says.
func (f *clientFlags) over(cmd *cobra.Command, file client.File) (_ client.File, err error) {
	file.TokenFile = over(cmd, "token-file", f.given.TokenFile, file.TokenFile)
	f.tokenFile = file.TokenFile
	if file.StateDir, err = stateDirOf(proto.RoleClient, over(cmd, "state-dir", f.given.StateDir, file.StateDir)); err != nil {
		return file, badConfig(cmd, f.path, err)
	}
	file.TUN = over(cmd, "tun", f.given.TUN, file.TUN)
	file.MTU = over(cmd, "mtu", f.given.MTU, file.MTU)
	file.Mark = over(cmd, "mark", f.given.Mark, file.Mark)
	file.LAN = over(cmd, "lan", f.given.LAN, file.LAN)
	file.LogLevel = over(cmd, "log-level", f.given.LogLevel, file.LogLevel)
	return file, nil
}

// build merges file and flags into a checked client that has not touched anything yet.
func (f *clientFlags) build(cmd *cobra.Command) (*client.Client, client.Config, error) {
	file, err := f.load(cmd)
	if err != nil {
		return nil, client.Config{}, err
	}
	cfg, err := file.Config()
	if err != nil {
		return nil, cfg, badConfig(cmd, f.path, err)
	}
	log, err := newLogger(proto.RoleClient, file.LogLevel)
	if err != nil {
		return nil, cfg, badConfig(cmd, f.path, err)
	}
	log = log.With(zap.String(obs.FieldRole, string(proto.RoleClient)))
	cfg.Version, cfg.Log, cfg.Memory = cmd.Root().Version, log, memory.Limit()
	dial := client.LinkConfig(cfg.Mark, log)
	cfg.Names = new(path.Names)
	dial.Names = cfg.Names
	cfg.Node = node.New(node.Config{
		Role: proto.RoleClient, StateDir: cfg.StateDir, TokenSource: process.TokenFrom(proto.RoleClient, file.TokenFile), Version: cmd.Root().Version,
		Link: dial, Log: log,
	})
	cl, err := client.New(cfg)
	return cl, cfg, err
}

func newClientUpCmd() *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:     "up",
		Aliases: []string{"run", "start"},
		Short:   "Run the client in the foreground until it is interrupted, or start its service",
		Long: `up without a flag starts the client's service where there is one ("oneping client
service install"). Else, and always under the name run, it runs in the foreground.

It enrols with a device token on the first start (later starts need none), opens
the TUN device and stays connected. When it is stopped its routes, rules and device
are gone. One that was killed, or ended with an error, does not do that: what it
captured stays unreachable, rather than leaking, until the next start, whose exit
removes all of it, or until "oneping client repair".`,
		Example: "  oneping client up --token-file device.token\n  ONEPING_TOKEN=op1_… oneping client up",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if s := ownService(c); s != nil {
				return startService(c, s, proto.RoleClient)
			}
			cl, cfg, err := f.build(c)
			if err != nil {
				return err
			}
			memory.Keep(cfg.Memory)
			defer obs.TakeStd(cfg.Log)()
			return besideToken(c.Context(), runRole(c, proto.RoleClient, cl.Run), proto.RoleClient, f.tokenFile)
		},
	}
	f.bind(cmd)
	return cmd
}

// ownService returns the client's service where up means that: somebody types it with no flag on a
// machine that has one. What a unit of his own runs, or a lab, is a client in the foreground.
func ownService(c *cobra.Command) *service.State {
	if c.CalledAs() == "run" || c.Flags().NFlag() > 0 {
		return nil
	}
	for _, name := range []string{process.TokenVariable, "ONEPING_STATE_DIR", "NOTIFY_SOCKET"} {
		if os.Getenv(name) != "" {
			return nil
		}
	}
	if s := service.Look(c.Context(), proto.RoleClient); s.Chosen() {
		return &s
	}
	return nil
}

func newClientConfigCmd() *cobra.Command {
	var f clientFlags
	return newConfigCmd(proto.RoleClient, f.bind, func(c *cobra.Command) (string, error) {
		_, _, err := f.build(c)
		return f.path, err
	})
}

func newClientStatusCmd() *cobra.Command {
	var (
		dir            string
		denials, ready bool
		out            output
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the link, the addresses, what is captured and what was denied",
		Long: `status asks the client that runs on this machine. With --denials it lists what
the edge's policy denied it, each with the id that "oneping policy explain" takes.
With --ready it prints nothing and its exit code is 0 when an edge has welcomed
this device and the host captures what it wants; else it says why not, with 1.`,
		Example: "  oneping client status\n  oneping client status --denials",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if !denials || ready {
				return showStatus(c, proto.RoleClient, dir, ready, &out)
			}
			var d client.Denials
			if err := askRole(c.Context(), proto.RoleClient, dir, "/v1/denials", &d); err != nil {
				return err
			}
			return out.print(c, d, func(w io.Writer) error { return client.WriteDenials(w, d.Denials) })
		},
	}
	bindReady(cmd, &ready, proto.RoleClient)
	f := cmd.Flags()
	f.StringVar(&dir, "state-dir", "", "state `DIR` of the client "+stateDirHelp(proto.RoleClient))
	f.BoolVar(&denials, "denials", false, "list the last hundred denials")
	out.bind(cmd, "")
	return cmd
}

// loadAnyway is load for a command that has to do its work whatever the file says: the file may be
// why the client does not run. What is wrong with it is said. One that was named has to be good.
func (f *clientFlags) loadAnyway(cmd *cobra.Command) (client.File, error) {
	file, err := f.load(cmd)
	if err == nil || cmd.Flags().Changed("config") || cmd.Context().Err() != nil {
		return file, err
	}
	hint(cmd, "this goes on without the configuration file: %v", err)
	return f.over(cmd, client.File{})
}

func newClientRepairCmd() *cobra.Command {
	var (
		flags clientFlags
		all   bool
		out   output
	)
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Give this machine back what a killed client has left",
		Long: `repair removes the rules and routes of a client that was killed, and puts a TUN
device that was there before it back to what it was. It goes by the journal in the state
directory, and without one by the protocol that our rules and routes carry (117).
A mistake in the configuration file does not keep it from that.
It refuses while a client runs. A stopped client has left nothing.`,
		Example: "  oneping client repair\n  oneping client repair --all --json",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			file, err := flags.loadAnyway(c)
			if err != nil {
				return err
			}
			done, err := client.Repair(client.Config{StateDir: file.StateDir, TUN: file.TUN}, all)
			if err != nil && done.Nothing() {
				return err
			}
			return errors.Join(out.print(c, done, func(w io.Writer) error { return client.WriteRepaired(w, &done) }), err)
		},
	}
	f := cmd.Flags()
	f.StringVar(&flags.given.StateDir, "state-dir", "", "state `DIR` of the client "+stateDirHelp(proto.RoleClient))
	f.StringVar(&flags.given.TUN, "tun", client.DefaultTUN, "`NAME` of the TUN device, where the state directory does not name it")
	f.StringVar(&flags.path, "config", "", configHelp(proto.RoleClient))
	f.BoolVar(&all, "all", false, "also what killed clients with other state directories have left")
	out.bind(cmd, "")
	return cmd
}
