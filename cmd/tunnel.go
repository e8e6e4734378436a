package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/term"
)

func newTunnelCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "tunnel",
		Short: "Manage tunnels: what routes point to and connectors serve",
		Long: `A tunnel is what routes point to. One or more connectors enrol with its token
and serve it together; each keeps a key of its own.

These commands speak to the edge on this machine.`,
		Example: `  oneping tunnel create office
  oneping route add 172.16.10.0/24 office
  oneping tunnel token office --output connector.token`,
		Args: exactArgs(),
	}
	cmd.AddCommand(newTunnelCreateCmd(), newTunnelListCmd(), newTunnelShowCmd(), newTunnelTokenCmd(), newTunnelSetCmd(), newTunnelRenameCmd(), newTunnelDeleteCmd())
	return cmd
}

func newTunnelCreateCmd() *cobra.Command {
	var a adminFlags
	var out tokenOutput
	var routes []string
	var most int
	var sure consent
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Create a tunnel, route prefixes to it and write its token",
		Long: `create makes a tunnel. With --route it routes prefixes to it, as "oneping route add"
does, and with --output it writes the token that the tunnel's connectors enrol
with, as "oneping tunnel token --output" does. When a route is refused the tunnel
stays: go on with "oneping route add".`,
		Example: "  oneping tunnel create office\n  oneping tunnel create office --route 172.16.10.0/24 --output connector.token",
		Args:    exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			for _, prefix := range routes { // a typing error makes no tunnel
				if err := admin.CheckPrefix(prefix); err != nil {
					return err
				}
			}
			if err := sure.prefixes(c, routes...); err != nil {
				return err
			}
			if err := admin.CheckMaxConnectors(most); err != nil { // 0 would ask for the default
				return err
			}
			if err := out.spare(c.Context(), &a, "tunnel "+args[0]); err != nil {
				return err
			}
			t, err := a.edge().CreateTunnel(c.Context(), args[0], most)
			if err != nil {
				return err
			}
			say := c.OutOrStdout()
			if a.json {
				say = io.Discard // the tunnel itself is the answer, once
			}
			if err := line("tunnel %s created", t.Name)(say); err != nil {
				return err
			}
			if t.Hint != "" {
				hint(c, "%s", t.Hint)
			}
			for _, prefix := range routes {
				r, err := a.edge().AddRoute(c.Context(), prefix, t.Name, true)
				if err == nil {
					err = sayRoute(c, prefix, r, say)
				}
				if err != nil {
					return halfCreated(a.notRunning(c, err), t.Name)
				}
			}
			if out.path != "" {
				if err := writeTunnelToken(c, &a, &out, t.Name, askToken); err != nil {
					return err
				}
			} else if len(routes) == 0 {
				hint(c, "next: oneping route add PREFIX %s, and oneping tunnel token %s --output connector.token", t.Name, t.Name)
			}
			if !a.json {
				return nil
			}
			if t, err = a.edge().Tunnel(c.Context(), t.Name); err != nil {
				return err
			}
			return a.print(c, &t, nil)
		},
	}
	cmd.Flags().StringSliceVar(&routes, "route", nil, "`PREFIX` to route to the tunnel (repeatable)")
	bindMaxConnectors(cmd, &most)
	sure.bind(cmd)
	out.bind(cmd)
	return a.bind(cmd)
}

// bindMaxConnectors adds --max-connectors to cmd.
func bindMaxConnectors(cmd *cobra.Command, most *int) {
	cmd.Flags().IntVar(most, "max-connectors", model.DefaultConnectors, "refuse to enrol more than `N` connectors")
}

func newTunnelSetCmd() *cobra.Command {
	var a adminFlags
	var most int
	cmd := &cobra.Command{
		Use:   "set NAME --max-connectors N",
		Short: "Change how many connectors may enrol with a tunnel's token",
		Long: `set changes how many connectors a tunnel may have at a time. Connectors that are
enrolled stay. One that has been away for a quarter of an hour makes room for
another; revoked ones do not count.`,
		Example: "  oneping tunnel set office --max-connectors 20",
		Args:    exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if !c.Flags().Changed("max-connectors") {
				return wrongUse(fmt.Errorf("%s needs --max-connectors", c.CommandPath()), seeHelp(c))
			}
			t, err := a.edge().SetMaxConnectors(c.Context(), args[0], most)
			if err != nil {
				return err
			}
			return a.print(c, &t, line("tunnel %s may have %s", t.Name, term.Count(t.MaxConnectors, "connector")))
		},
	}
	bindMaxConnectors(cmd, &most)
	return a.bind(cmd)
}

// halfCreated says of a route that was refused what is there and what is not.
func halfCreated(err error, tunnel string) error {
	rest := "the tunnel stays: go on with oneping route add PREFIX " + tunnel + ", and oneping tunnel token " + tunnel + " --output FILE"
	if first := advice.Of(err); first != "" {
		rest = first + "; " + rest
	}
	return &advice.Error{Text: err.Error(), Advice: rest}
}

func newTunnelListCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "list",
		Short:   "List tunnels, their connectors and routes",
		Example: "  oneping tunnel list",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			ts, err := a.edge().Tunnels(c.Context())
			if err != nil {
				return err
			}
			return a.print(c, ts, func(w io.Writer) error {
				if len(ts) == 0 {
					hint(c, "there is no tunnel yet: oneping tunnel create NAME")
					return nil
				}
				return writeTunnels(w, ts)
			})
		},
	})
}

func newTunnelShowCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "show NAME",
		Short:   "Show one tunnel and each of its connectors",
		Example: "  oneping tunnel show office",
		Args:    exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := a.edge().Tunnel(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(c, &t, func(w io.Writer) error { return writeTunnel(w, &t, time.Now()) })
		},
	})
}

func newTunnelTokenCmd() *cobra.Command {
	var a adminFlags
	var out tokenOutput
	var rotate, evict bool
	cmd := &cobra.Command{
		Use:   "token NAME",
		Short: "Print the token that a tunnel's connectors enrol with",
		Long: `token prints the tunnel's token and nothing else on standard output, or writes
it to a file with --output. It may be used by any number of connectors and is the
same each time, until --rotate makes a new one; the earlier ones then enrol nobody
any more, and connectors that enrolled with them stay. With --evict these are put
out, too: their links end within a second, and each enrols again with the new
token, with the key that it has. A token is a secret: keep it in a file of mode
0600.`,
		Example: `  oneping tunnel token office --output connector.token
  oneping tunnel token office --rotate --evict --output connector.token
  oneping tunnel token office --rotate | ssh gateway "oneping connector service install --token-file -"`,
		Args: exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := out.spare(c.Context(), &a, "tunnel "+args[0]); err != nil {
				return err
			}
			how := askToken
			switch {
			case evict && !rotate:
				return wrongUse(errors.New("--evict goes with --rotate"), "the present token stays good without it: write --rotate --evict")
			case rotate:
				how = func(e *admin.Client, ctx context.Context, name string) (admin.Token, error) {
					return e.RotateToken(ctx, name, evict)
				}
			}
			if err := writeTunnelToken(c, &a, &out, args[0], how); err != nil || !rotate {
				return err
			}
			hint(c, "%s", afterRotation(args[0], evict))
			return nil
		},
	}
	out.bind(cmd)
	cmd.Flags().BoolVar(&rotate, "rotate", false, "make a new token and refuse the earlier ones")
	cmd.Flags().BoolVar(&evict, "evict", false, "with --rotate: put out the connectors that enrolled with the earlier ones")
	return a.bind(cmd)
}

// afterRotation says what a new token means for the earlier ones, and for who enrolled with them.
func afterRotation(tunnel string, evicted bool) string {
	text := "the earlier tokens of " + tunnel + " enrol nobody any more"
	if evicted {
		return text
	}
	return text + "; connectors that enrolled with them stay: oneping tunnel token " + tunnel + " --rotate --evict puts them out"
}

// askToken asks for the present token.
func askToken(e *admin.Client, ctx context.Context, name string) (admin.Token, error) {
	return e.TunnelToken(ctx, name)
}

// writeTunnelToken asks for a tunnel's token and writes it to out.
func writeTunnelToken(c *cobra.Command, a *adminFlags, out *tokenOutput, name string, ask func(*admin.Client, context.Context, string) (admin.Token, error)) error {
	t, err := ask(a.edge(), c.Context(), name)
	if err != nil {
		return err
	}
	if err := out.write(c, a, &t); err != nil {
		return err
	}
	for _, x := range t.Evicted {
		hint(c, "connector %s (host %s) is put out", x.ID, x.Hostname)
	}
	hint(c, "on a host of the private subnet: sudo oneping connector service install --token-file %[1]s, or oneping connector run --token-file %[1]s", out.named())
	return nil
}

func newTunnelDeleteCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "delete NAME",
		Short:   "Delete a tunnel; its connectors are disconnected",
		Example: "  oneping tunnel delete office",
		Long: `delete removes a tunnel with its tokens and disconnects its connectors. It is
refused while routes point to the tunnel.`,
		Args: exactArgs("NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.edge().DeleteTunnel(c.Context(), args[0]); err != nil {
				return err
			}
			return a.print(c, struct{}{}, line("tunnel %s deleted", args[0]))
		},
	})
}
