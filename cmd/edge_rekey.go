package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

func newEdgeRekeyCmd() *cobra.Command {
	var f edgeFlags
	var out output
	var authority bool
	cmd := &cobra.Command{
		Use:   "rekey",
		Short: "Make a new secret after a backup was stolen, or the secret was lost",
		Long: `rekey is for when somebody has a copy of the edge's state directory, or its file
"secret" is lost. Stop the edge first and start it afterwards. The secret is made
anew, and every token that could still enrol somebody is useless: those of
tunnels, which follow from the secret, and unused ones of devices. Nodes that have
enrolled stay, those that a thief has sent among them: look at "oneping connector
list" and "oneping device list", and revoke what is not yours.

Whoever has ca.key can pose as this edge to a node whose traffic to the edge he
gets hold of. He cannot pose as a node: the edge knows each node's own key. Where
that is too much, --ca makes a new authority as well. Nodes trust the old one
alone, so this puts every node out until it has enrolled anew:

  on the edge        start it; make a token for each tunnel and each device
  connector's host   oneping connector run --token-file FILE, or service install
  laptop             oneping client up --token-file FILE, or service install

Keys of nodes stay what they are; devices get new ids and addresses.`,
		Example: "  oneping edge rekey\n  oneping edge rekey --ca",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			e, _, err := f.build(c)
			if err != nil {
				return err
			}
			r, err := e.Rekey(c.Context(), authority)
			if err != nil {
				return err
			}
			if err := out.print(c, &r, func(w io.Writer) error { return writeRekeyed(w, &r, authority) }); err != nil {
				return err
			}
			hintRekeyed(c, &r, authority)
			return nil
		},
	}
	cmd.Flags().StringVar(&f.edge.StateDir, "state-dir", "", "data `DIR` of the edge "+stateDirHelp(proto.RoleEdge))
	cmd.Flags().StringVar(&f.config, "config", "", configHelp(proto.RoleEdge))
	cmd.Flags().BoolVar(&authority, "ca", false, "make a new authority, too: every node must enrol anew")
	out.bind(cmd, "")
	return cmd
}

// writeRekeyed says what is new and what is useless.
func writeRekeyed(w io.Writer, r *edge.Rekeyed, authority bool) error {
	what := "a new secret is made"
	if authority {
		what = "a new secret and a new authority are made"
	}
	_, err := fmt.Fprintf(w, "%s; useless now: %s of tunnels, %s of devices\n", what, term.Count(r.TunnelTokens, "token"), term.Count(r.DeviceTokens, "token"))
	if err == nil && authority {
		_, err = fmt.Fprintf(w, "put out until they enrol anew: %s, %s\n", term.Count(r.Connectors, "connector"), term.Count(r.Devices, "device"))
	}
	return err
}

// hintRekeyed says what to type next.
func hintRekeyed(c *cobra.Command, r *edge.Rekeyed, authority bool) {
	if !authority {
		hint(c, "who has enrolled stays; start the edge and put out who is not yours: oneping connector list, oneping device list")
	}
	for _, name := range r.Tunnels {
		hint(c, "when the edge runs: oneping tunnel token %s --output FILE", name)
	}
	for _, user := range r.Users {
		hint(c, "for each device of %s: oneping device token --user %s --output FILE", user, quote(user))
	}
}
