package cmd

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
)

func newConnectorListCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:   "list [TUNNEL]",
		Short: "List the connectors that have enrolled, of one tunnel or of all",
		Long: `list shows who serves the tunnels: each connector with its host's name, the
address that it is connected from, when it enrolled, and whether it is up or when
it was last seen. What a connector says of its host is its own word.
It speaks to the edge on this machine.`,
		Example: "  oneping connector list\n  oneping connector list office --json | jq -r '.[] | select(.link) | .link.remote'",
		Args:    noneOrOne("TUNNEL"),
		RunE: func(c *cobra.Command, args []string) error {
			list, err := a.edge().Connectors(c.Context(), first(args))
			if err != nil {
				return err
			}
			return a.print(c, list, func(w io.Writer) error {
				if len(list) == 0 {
					hint(c, "no connector has enrolled yet: oneping tunnel token NAME --output connector.token")
					return nil
				}
				return writeEnrolled(w, list, time.Now())
			})
		},
	})
}

func first(args []string) string {
	if len(args) == 0 {
		return ""
	}
	return args[0]
}

func newConnectorRevokeCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:   "revoke ID…",
		Short: "Put connectors out for good; their links end within a second",
		Long: `revoke ends the links of connectors, named by id or the beginning of it, with
all that runs over them. Their certificates are refused from now on, and their
keys do not enrol again: one that gets a newer token, as its --token-file, makes
another key. Whoever has the tunnel's token can still enrol with another key: make
a new one with "oneping tunnel token NAME --rotate", or put everybody out who had
the old one with "--rotate --evict".
It speaks to the edge on this machine.`,
		Example: "  oneping connector revoke jr4a66ryo4rdgjr2",
		Args:    someIDs("oneping connector list shows them"),
		RunE: func(c *cobra.Command, args []string) error {
			return eachID(c, &a, args, a.edge().RevokeConnector, func(x *admin.Connector) string {
				return "connector " + x.ID + " of tunnel " + x.Tunnel + " revoked"
			}, func(done []admin.Connector) {
				for _, tunnel := range tunnelsOf(done) {
					hint(c, "the token of %s still enrols others; to make it useless: oneping tunnel token %s --rotate", tunnel, tunnel)
				}
			})
		},
	})
}

// tunnelsOf returns the tunnels of connectors, each once.
func tunnelsOf(list []admin.Connector) []string {
	var out []string
	seen := make(map[string]bool)
	for _, x := range list {
		if !seen[x.Tunnel] {
			out, seen[x.Tunnel] = append(out, x.Tunnel), true
		}
	}
	return out
}
