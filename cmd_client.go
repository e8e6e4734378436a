package main

import (
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

func newClientCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "client",
		Short: "Connect this machine: take captured traffic through the edge",
		Long: `The client takes the prefixes that the edge names off this machine's network
and carries them over one QUIC link. It answers nothing by itself: what ping,
traceroute and curl report comes from the path behind it.`,
	}
	cmd.AddCommand(newClientUpCmd(), newClientStatusCmd())
	return cmd
}

func newClientUpCmd() *cobra.Command {
	var (
		cfg       client.Config
		tokenFile string
		level     string
	)
	cmd := &cobra.Command{
		Use:   "up",
		Short: "Run the client in the foreground until it is interrupted",
		Long: `up enrols with a device token on the first start (later starts need none), opens
the TUN device and stays connected. On exit its routes, rules and device are gone.`,
		Example: "  oneping client up --token-file device.token\n  ONEPING_TOKEN=op1_… oneping client up",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			log, err := obs.NewLogger(level)
			if err != nil {
				return &usageError{err: err}
			}
			if err := node.MakeStateDir(cfg.StateDir); err != nil {
				return err
			}
			log = log.With(zap.String(obs.FieldRole, string(proto.RoleClient)))
			cfg.Version, cfg.Log = version, log
			cfg.Node = node.New(node.Config{
				Role: proto.RoleClient, StateDir: cfg.StateDir, TokenSource: node.TokenFrom(tokenFile), Version: version,
				Link: client.LinkConfig(cfg.Mark, log), Log: log,
			})
			cfg.Ready = func() {
				if err := node.NotifyReady(); err != nil {
					log.Warn("cannot tell the supervisor", zap.Error(err))
				}
			}
			cl, err := client.New(cfg)
			if err != nil {
				return err
			}
			return cl.Run(c.Context())
		},
	}
	f := cmd.Flags()
	f.StringVar(&tokenFile, "token-file", "", `file with the device token ("-": standard input; default: $ONEPING_TOKEN)`)
	f.StringVar(&cfg.StateDir, "state-dir", node.StateDir(proto.RoleClient), "where key, certificate and local socket are kept")
	f.StringVar(&cfg.TUN, "tun", client.DefaultTUN, "name of the TUN device")
	f.IntVar(&cfg.MTU, "mtu", client.DefaultMTU, "MTU of the TUN device in bytes")
	f.Uint32Var(&cfg.Mark, "mark", client.DefaultMark, "firewall mark of the link's own packets")
	f.StringVar(&level, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func newClientStatusCmd() *cobra.Command {
	var (
		dir             string
		denials, asJSON bool
	)
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show the link, the addresses, what is captured and what was denied",
		Long: `status asks the client that runs on this machine. With --denials it lists what
the edge's policy denied it, each with the id that "oneping policy explain" takes.`,
		Example: "  oneping client status\n  oneping client status --denials",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			socket, out := local.Socket(dir), c.OutOrStdout()
			if denials {
				var d client.Denials
				if err := local.Get(c.Context(), socket, "/v1/denials", &d); err != nil {
					return err
				}
				if asJSON {
					return writeIndented(out, d)
				}
				return client.WriteDenials(out, d.Denials)
			}
			var s client.Status
			if err := local.Get(c.Context(), socket, "/v1/status", &s); err != nil {
				return err
			}
			if asJSON {
				return writeIndented(out, s)
			}
			return client.WriteStatus(out, &s, time.Now())
		},
	}
	f := cmd.Flags()
	f.StringVar(&dir, "state-dir", node.StateDir(proto.RoleClient), "state directory of the client")
	f.BoolVar(&denials, "denials", false, "list the last hundred denials")
	f.BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}
