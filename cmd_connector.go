package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/spf13/cobra"
	"go.uber.org/zap"

	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/connector/icmp"
	"github.com/oneping/oneping/internal/local"
	"github.com/oneping/oneping/internal/node"
	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/proto"
)

func newConnectorCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "connector",
		Short: "Serve a private subnet to the edge, without privileges",
		Long: `A connector runs on any host inside the private subnet, connects out to the edge
and sends what comes over that link into its own network. Several connectors of
one tunnel serve it together.`,
		Example: `  oneping connector check --token-file connector.token
  oneping connector run --token-file connector.token
  oneping connector status`,
		Args: exactArgs(),
	}
	var stateDir string
	cmd.PersistentFlags().StringVar(&stateDir, "state-dir", node.StateDir(proto.RoleConnector), "where key, certificate and local socket are kept")
	cmd.AddCommand(newConnectorRunCmd(&stateDir), newConnectorStatusCmd(&stateDir), newConnectorCheckCmd(&stateDir))
	return cmd
}

type connectorFlags struct {
	tokenFile, icmp, hops, log string
	allow, deny                []string
}

func newConnectorRunCmd(stateDir *string) *cobra.Command {
	var f connectorFlags
	cmd := &cobra.Command{
		Use:   "run",
		Short: "Run the connector in the foreground until it is interrupted",
		Long: `run enrols with a token on the first start (later starts need none), keeps a
link to the edge and sends what comes over it into this host's network: echo
requests, UDP and TCP, each with the TTL that a router here would give it. It
needs no privilege; ICMP needs the group of this process inside
net.ipv4.ping_group_range ("oneping connector check" says so, with the command).

Loopback, link-local addresses (169.254.169.254 among them) and the edge itself
are refused unless --allow names them; --deny wins over --allow.

Routers behind the connector show as the hops that they are. With --hops single
the whole way from the connector to a server shows as one hop.`,
		Example: `  oneping connector run --token-file connector.token
  oneping connector run --deny 172.16.10.1`,
		Args: exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error { return runConnector(c.Context(), *stateDir, &f) },
	}
	cmd.Flags().StringVar(&f.tokenFile, "token-file", "", `file with the tunnel's token ("-": standard input; default: $ONEPING_TOKEN)`)
	cmd.Flags().StringSliceVar(&f.allow, "allow", nil, "prefix or address to open that is refused by default (repeatable)")
	cmd.Flags().StringSliceVar(&f.deny, "deny", nil, "prefix or address to refuse (repeatable)")
	cmd.Flags().StringVar(&f.icmp, "icmp", "auto", "how ICMP is sent: auto, ping, raw")
	cmd.Flags().StringVar(&f.hops, "hops", string(connector.HopsTrue), "how the way behind the connector shows: true (each router), single (one hop)")
	cmd.Flags().StringVar(&f.log, "log-level", "info", "debug, info, warn or error")
	return cmd
}

func runConnector(ctx context.Context, stateDir string, f *connectorFlags) error {
	allow, err := parsePrefixes("--allow", f.allow)
	if err != nil {
		return err
	}
	deny, err := parsePrefixes("--deny", f.deny)
	if err != nil {
		return err
	}
	mode, err := icmp.ParseMode(f.icmp)
	if err != nil {
		return &usageError{err: err, hint: "see oneping connector run --help"}
	}
	hops, err := connector.ParseHops(f.hops)
	if err != nil {
		return &usageError{err: err, hint: "see oneping connector run --help"}
	}
	log, err := obs.NewLogger(f.log)
	if err != nil {
		return &usageError{err: err}
	}
	log = log.With(zap.String(obs.FieldRole, string(proto.RoleConnector)))
	if err := node.MakeStateDir(stateDir); err != nil {
		log.Warn("no state directory", zap.Error(err)) // the connector lives in memory then
	}
	n := node.New(node.Config{
		Role: proto.RoleConnector, StateDir: stateDir, Version: version, Log: log,
		TokenSource: node.TokenFrom(f.tokenFile),
	})
	if err := n.Enrol(ctx); err != nil {
		return err
	}
	c, err := connector.New(connector.Config{
		Edges: n.Edges(), TLS: n.TLS, Renew: n, ICMP: mode, Hops: hops, Allow: allow, Deny: deny,
		StateDir: stateDir, Version: version, Log: log,
		Ready: func() {
			if err := node.NotifyReady(); err != nil {
				log.Warn("cannot tell the supervisor", zap.Error(err))
			}
		},
	})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}

func parsePrefixes(flag string, in []string) ([]netip.Prefix, error) {
	out := make([]netip.Prefix, 0, len(in))
	for _, s := range in {
		p, err := netip.ParsePrefix(s)
		if err != nil {
			a, aerr := netip.ParseAddr(s)
			if aerr != nil {
				return nil, &usageError{err: fmt.Errorf("%s %q: not a prefix or address", flag, s), hint: "for example " + flag + " 10.0.0.0/8"}
			}
			p = netip.PrefixFrom(a, a.BitLen())
		}
		out = append(out, p.Masked())
	}
	return out, nil
}

func newConnectorStatusCmd(stateDir *string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show link, ICMP mode, mappings, sessions, flows and counters",
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			var s connector.Status
			if err := local.Get(c.Context(), local.Socket(*stateDir), "/v1/status", &s); err != nil {
				return err
			}
			if asJSON {
				return writeIndented(c.OutOrStdout(), &s)
			}
			return s.WriteText(c.OutOrStdout(), time.Now())
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func newConnectorCheckCmd(stateDir *string) *cobra.Command {
	var asJSON bool
	var tokenFile string
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Try every precondition of a connector on this host and name what fixes it",
		Long: `check tries what run needs: sockets for ICMP, descriptors, IPv6, the state
directory and, with a token, the way to the edge. Its exit code is 1 where
something that is needed failed.`,
		Example: "  oneping connector check --token-file connector.token",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			findings := connector.Check(c.Context(), connector.CheckConfig{
				StateDir: *stateDir,
				Token: func() ([]string, bool, error) {
					t, ok, err := node.ReadToken(tokenFile)
					return t.Edges, ok, err
				},
				Dial: connector.DialEdge,
			})
			write := connector.WriteFindings
			if asJSON {
				write = func(w io.Writer, fs []connector.Finding) error { return writeIndented(w, fs) }
			}
			if err := write(c.OutOrStdout(), findings); err != nil {
				return err
			}
			if !connector.Passed(findings) {
				return &exitError{code: 1}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().StringVar(&tokenFile, "token-file", "", `file with the tunnel's token ("-": standard input; default: $ONEPING_TOKEN)`)
	return cmd
}

func writeIndented(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}
