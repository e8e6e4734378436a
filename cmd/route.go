package cmd

import (
	"errors"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/model"
)

func newRouteCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "route",
		Short: "Manage routes: which prefix goes to which tunnel",
		Long: `A route points a prefix to a tunnel; of several that contain an address the
longest wins. Every prefix ever routed is captured by clients, also after its
route is deleted, until "oneping route capture delete" gives it back: traffic for
it must never leave a laptop by another way.

These commands speak to the edge on this machine.`,
		Example: `  oneping route add 172.16.10.0/24 office
  oneping route get 172.16.10.120`,
		Args: exactArgs(),
	}
	cmd.AddCommand(newRouteAddCmd(), newRouteListCmd(), newRouteGetCmd(), newRouteDeleteCmd(), newRouteCaptureCmd())
	return cmd
}

func newRouteAddCmd() *cobra.Command {
	var a adminFlags
	var sure consent
	cmd := &cobra.Command{
		Use:     "add PREFIX TUNNEL",
		Short:   "Route a prefix to a tunnel",
		Example: "  oneping route add 172.16.10.0/24 office\n  oneping route add fd00:10::/64 office",
		Long: `add points a prefix to a tunnel, and every client takes it off its host within a
second. A prefix that is shorter than /8 (IPv6: /32) is asked about, or wants
--yes: with 0.0.0.0/0 a laptop loses whatever no grant allows, the Internet too.`,
		Args: exactArgs("PREFIX", "TUNNEL"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := sure.prefixes(c, args[0]); err != nil {
				return err
			}
			r, err := a.edge().AddRoute(c.Context(), args[0], args[1], true)
			if err != nil {
				return err
			}
			if a.json {
				return errors.Join(sayRoute(c, args[0], r, io.Discard), a.print(c, &r, nil))
			}
			return sayRoute(c, args[0], r, c.OutOrStdout())
		},
	}
	sure.bind(cmd)
	return a.bind(cmd)
}

// sayRoute tells a person that a route was added, and what it still lacks; written is its prefix as
// that person wrote it.
func sayRoute(c *cobra.Command, written string, r admin.Route, w io.Writer) error {
	err := line("route %s to tunnel %s added", r.Prefix, r.Tunnel)(w)
	hintLength(c, written)
	if r.Hint != "" {
		hint(c, "%s", r.Hint)
	}
	return err
}

// hintLength says of an address that looks like a network's what is to be written for that.
func hintLength(c *cobra.Command, written string) {
	if text := model.MeantLength(written); text != "" {
		hint(c, "%s", text)
	}
}

func newRouteListCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "list",
		Short:   "List routes",
		Example: "  oneping route list\n  oneping route list --json | jq -r '.[] | select(.connected == 0) | .prefix'",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			rs, err := a.edge().Routes(c.Context())
			if err != nil {
				return err
			}
			return a.print(c, rs, func(w io.Writer) error {
				if len(rs) == 0 {
					hint(c, "there is no route yet: oneping route add PREFIX TUNNEL")
					return nil
				}
				return writeRoutes(w, rs)
			})
		},
	})
}

func newRouteGetCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "get ADDRESS",
		Short:   "Say where an address goes: route, tunnel, connectors",
		Example: "  oneping route get 172.16.10.120",
		Args:    exactArgs("ADDRESS"),
		RunE: func(c *cobra.Command, args []string) error {
			l, err := a.edge().Lookup(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(c, &l, func(w io.Writer) error { return writeLookup(w, &l, time.Now()) })
		},
	})
}

func newRouteDeleteCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "delete PREFIX",
		Short:   "Delete the route of exactly that prefix",
		Example: "  oneping route delete 172.16.10.0/24",
		Long: `delete removes a route. Its prefix stays captured, so that nothing of it leaves
a laptop by another way: see "oneping route capture".`,
		Args: exactArgs("PREFIX"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := a.edge().DeleteRoute(c.Context(), args[0]); err != nil {
				return err
			}
			err := a.print(c, struct{}{}, line("route %s deleted", args[0]))
			hint(c, "clients still capture it; to give it back to their networks: oneping route capture delete %s", args[0])
			return err
		},
	})
}

func newRouteCaptureCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "capture",
		Short: "Manage the prefixes that clients take off their hosts",
		Args:  exactArgs(),
	}
	var list, del adminFlags
	cmd.AddCommand(list.bind(&cobra.Command{
		Use:     "list",
		Short:   "List the prefixes that were ever routed or added",
		Example: "  oneping route capture list",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			ps, err := list.edge().Captured(c.Context())
			if err != nil {
				return err
			}
			return list.print(c, ps, func(w io.Writer) error { return writePrefixes(w, ps) })
		},
	}), newRouteCaptureAddCmd(), del.bind(&cobra.Command{
		Use:     "delete PREFIX",
		Short:   "Give a prefix back to the clients' own networks",
		Example: "  oneping route capture delete 172.16.0.0/12",
		Args:    exactArgs("PREFIX"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := del.edge().RemoveCapture(c.Context(), args[0]); err != nil {
				return err
			}
			return del.print(c, struct{}{}, line("clients leave %s to their own networks", args[0]))
		},
	}))
	return cmd
}

func newRouteCaptureAddCmd() *cobra.Command {
	var a adminFlags
	var sure consent
	cmd := &cobra.Command{
		Use:     "add PREFIX",
		Short:   "Make clients capture a prefix without a route",
		Example: "  oneping route capture add 172.16.0.0/12",
		Args:    exactArgs("PREFIX"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := sure.prefixes(c, args[0]); err != nil {
				return err
			}
			if err := a.edge().AddCapture(c.Context(), args[0], true); err != nil {
				return err
			}
			err := a.print(c, struct{}{}, line("clients capture %s", args[0]))
			hintLength(c, args[0])
			return err
		},
	}
	sure.bind(cmd)
	return a.bind(cmd)
}
