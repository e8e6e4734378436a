package cmd

import (
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

func newTokenCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "token",
		Short: "See and cancel the tokens that can still enrol somebody",
		Long: `A token enrols: one of a device once, one of a tunnel any number of connectors.
They are made with "oneping device token" and "oneping tunnel token". The edge
keeps no secret of a token, so that none is shown here.

These commands speak to the edge on this machine.`,
		Example: "  oneping token list\n  oneping token cancel jr4a66ryo4rdgjr2",
		Args:    exactArgs(),
	}
	cmd.AddCommand(newTokenListCmd(), newTokenCancelCmd())
	return cmd
}

func newTokenListCmd() *cobra.Command {
	var a adminFlags
	var all bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the tokens that can still enrol somebody",
		Long: `list shows each token with its id, for whom it is and until when it is good. With
--all it shows those, too, that were used, expired or cancelled: tokens of devices
are remembered for 30 days after that, those of tunnels as long as the tunnel.`,
		Example: "  oneping token list\n  oneping token list --all --json | jq -r '.[] | select(.state == \"used\") | .device'",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			tokens, err := a.edge().Tokens(c.Context(), all)
			if err != nil {
				return err
			}
			return a.print(c, tokens, func(w io.Writer) error {
				if len(tokens) == 0 {
					hint(c, "nobody can enrol now; to make a token: oneping device token --user USER, or oneping tunnel token NAME")
					return nil
				}
				return writeIssued(w, tokens)
			})
		},
	}
	cmd.Flags().BoolVar(&all, "all", false, "list those of no use any more, too")
	return a.bind(cmd)
}

// writeIssued lists tokens.
func writeIssued(w io.Writer, tokens []admin.IssuedToken) error {
	t := &term.Table{Empty: "-"}
	t.Row("TOKEN", "KIND", "FOR", "MADE", "UNTIL", "STATE")
	for _, x := range tokens {
		whom := x.User
		if x.Tunnel != "" {
			whom = x.Tunnel
		}
		t.Row(x.ID, x.Kind, whom, term.Minute(x.Created), term.Minute(x.Expires), tokenState(&x))
	}
	return t.Print(w)
}

// tokenState says what a token is good for, and what it was.
func tokenState(x *admin.IssuedToken) string {
	if x.State == admin.TokenUsed {
		return "used " + term.Minute(x.Used) + " by device " + x.Device
	}
	return string(x.State)
}

func newTokenCancelCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:   "cancel ID…",
		Short: "Make tokens useless: nobody enrols with them any more",
		Long: `cancel makes tokens useless, named by id or the beginning of it. Who has enrolled
stays: shut devices out with "oneping device revoke", connectors with "oneping
connector revoke". A tunnel gets a new token with "oneping tunnel token NAME".`,
		Example: "  oneping token cancel jr4a66ryo4rdgjr2",
		Args:    someIDs("oneping token list shows them"),
		RunE: func(c *cobra.Command, args []string) error {
			return eachID(c, &a, args, a.edge().CancelToken, func(x *admin.IssuedToken) string {
				return "token " + x.ID + " of " + x.For() + " cancelled"
			}, func(done []admin.IssuedToken) { hintCancelled(c, done, time.Now()) })
		},
	})
}

// hintCancelled says of tokens that were of no use before that they were so.
func hintCancelled(c *cobra.Command, done []admin.IssuedToken, now time.Time) {
	for _, x := range done {
		if x.State == admin.TokenExpired {
			hint(c, "token %s had expired %s ago", x.ID, term.Span(now.Sub(x.Expires)))
		}
	}
}
