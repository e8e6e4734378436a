package cmd

import (
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/policy"
)

func newPolicyExplainCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:   "explain [flags] DECISION-ID | SRC [PROTO] DST[:PORT]",
		Short: "Say why something was denied, or what would be answered now",
		Long: `With the id of a denial ("oneping client status --denials" lists them) explain
names the principal, the destination, the time, and each grant that was
considered with the reason why it did not match.

With SRC and DST it says what the policy answers now. SRC is a user, a device id
or a device's address. What is asked for is written as in a policy's tests, icmp
ADDRESS, tcp ADDRESS:PORT or udp ADDRESS:PORT; or in short, where DST alone means
ICMP, with a port TCP, and with /udp behind that UDP.`,
		Example: `  oneping policy explain alice@example.com tcp 172.16.10.120:22
  oneping policy explain 5f0c1d2e3a4b5968
  oneping policy explain alice@example.com 172.16.10.120
  oneping policy explain alice@example.com udp 172.16.10.53:53
  oneping policy explain 100.96.0.1 172.16.10.53:53/udp`,
		Args: func(c *cobra.Command, args []string) error {
			good := len(args) == 2
			switch len(args) {
			case 1:
				good = !strings.ContainsAny(args[0], "@.:")
			case 3:
				_, good = policy.ParseProto(args[1])
			}
			if good {
				return nil
			}
			return wrongUse(fmt.Errorf("%s takes DECISION-ID, or SRC and DST", c.CommandPath()), seeHelp(c))
		},
		RunE: func(c *cobra.Command, args []string) error {
			e, err := a.explain(c, args)
			if err != nil {
				return err
			}
			return a.print(c, &e, func(w io.Writer) error { return writeExplanation(w, &e) })
		},
	})
}

// explain asks why something was denied, by its id, or what is answered now to a source and a
// destination.
func (a *adminFlags) explain(c *cobra.Command, args []string) (admin.Explanation, error) {
	if len(args) == 1 {
		return a.edge().ExplainDecision(c.Context(), args[0])
	}
	return a.edge().Explain(c.Context(), args[0], strings.Join(args[1:], " "))
}
