package cmd

import (
	"io"

	"github.com/spf13/cobra"
)

func newPolicyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "policy",
		SuggestFor: []string{"group", "groups", "grant", "grants", "acl", "rule", "rules"},
		Short:      "Manage the policy: who may reach what, and why not",
		Long: `The policy denies what no grant allows. A grant says who may reach what and how:

  groups: {eng: [alice@example.com]}
  grants:
    - {id: eng-office, who: [group:eng], to: [172.16.10.0/24],
       how: [trace, "udp:53", "tcp:*"]}
  tests:
    - {who: alice@example.com, accept: ["tcp 172.16.10.120:22"],
       deny: ["udp 172.16.10.120:123"]}

  who   USER, user:USER, group:NAME, device:ID, "*"
  to    PREFIX, ADDRESS, tunnel:NAME, "*"
  how   trace, icmp, "udp:53", "tcp:22,443", "tcp:8000-8100", "tcp:*", "*"

trace is what ping, traceroute, tracepath and mtr need: icmp, and the UDP ports
33000-33534 (mtr -u counts up from the first, traceroute from 33434) and
44444-44507 (tracepath). A longer "mtr -u" wants -P 33434. For a TCP traceroute
grant the port that it asks for: traceroute -T -p 22 wants tcp:22.

A test names what it accepts and denies as explain does: "icmp ADDRESS",
"tcp ADDRESS:PORT", "udp ADDRESS:PORT".

A policy whose own tests fail is refused. These commands speak to the edge on
this machine; check needs none.`,
		Example: `  oneping policy apply -f policy.yaml
  oneping policy edit
  oneping policy denials --user alice@example.com
  oneping policy explain alice@example.com 172.16.10.120:22
  oneping policy explain 5f0c1d2e3a4b5968`,
		Args: exactArgs(),
	}
	cmd.AddCommand(newPolicyShowCmd(), newPolicyCheckCmd(), newPolicyDiffCmd(), newPolicyApplyCmd(), newPolicyEditCmd(), newPolicyDenialsCmd(), newPolicyExplainCmd())
	return cmd
}

func newPolicyShowCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:   "show",
		Short: "Print the policy in force, as it was written",
		Long: `show prints the text that was applied, comments and all. One that had no room
beside the policy, or that an earlier version stored, is written anew.`,
		Example: "  oneping policy show > policy.yaml",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := a.edge().Policy(c.Context())
			if err != nil {
				return err
			}
			return a.print(c, &p, func(w io.Writer) error {
				_, err := io.WriteString(w, p.Source)
				return err
			})
		},
	})
}
