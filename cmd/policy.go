package cmd

import (
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/advice"
)

func newPolicyCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "policy",
		SuggestFor: []string{"group", "groups", "grant", "grants", "acl", "rule", "rules"},
		Short:      "Manage the policy: who may reach what, and why not",
		Long: `The policy denies what no grant allows. A grant says who may reach what and how:

  groups: {eng: [alice@example.com]}
  grants:
    - {id: eng-office, who: [group:eng], to: [172.16.10.0/24], how: [trace, "udp:53", "tcp:*"]}
  tests:
    - {who: alice@example.com, accept: ["tcp 172.16.10.120:22"], deny: ["udp 172.16.10.120:123"]}

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
this machine.`,
		Example: `  oneping policy apply -f policy.yaml
  oneping policy explain alice@example.com 172.16.10.120:22
  oneping policy explain 5f0c1d2e3a4b5968`,
		Args: exactArgs(),
	}
	cmd.AddCommand(newPolicyShowCmd(), newPolicyApplyCmd(), newPolicyExplainCmd())
	return cmd
}

func newPolicyShowCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "show",
		Short:   "Print the policy in force, as apply reads it",
		Example: "  oneping policy show > policy.yaml",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := a.edge().Policy(c.Context())
			if err != nil {
				return err
			}
			return a.print(c, &p, func(w io.Writer) error {
				text, err := policy.Format(p)
				if err != nil {
					return err
				}
				_, err = w.Write(text)
				return err
			})
		},
	})
}

func newPolicyApplyCmd() *cobra.Command {
	var a adminFlags
	var file string
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Check a policy, run its tests and put it in force",
		Long: `apply replaces the policy as a whole. Unknown keys, malformed terms and failed
tests are refused with their lines, and the policy in force stays. Live flows are
looked at once and those no longer allowed end.`,
		Example: "  oneping policy apply -f policy.yaml\n  oneping policy show | sed s/alice/bob/ | oneping policy apply -f -",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 && file == "" {
				return wrongUse(fmt.Errorf("%s takes no argument, and got %q", c.CommandPath(), args[0]), "a file is named with -f: "+c.CommandPath()+" -f "+args[0])
			}
			return exactArgs()(c, args)
		},
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := awaited(c, file, func() ([]byte, error) { return readPolicy(c, file) })
			if err != nil {
				return err
			}
			wait := newProgress()
			wait.Step("policy: the edge checks it and puts it in force")
			applied, err := a.edge().ApplyPolicy(c.Context(), string(text))
			wait.Done()
			if err != nil {
				return err
			}
			err = a.print(c, &applied, func(w io.Writer) error { return writeApplied(w, &applied) })
			for _, name := range applied.Missing {
				hint(c, "there is no tunnel %s: the grants that name it reach nothing there", name)
			}
			for _, p := range applied.Unreached {
				hint(c, "no grant reaches the route %s: everything there is denied", p)
			}
			return err
		},
	}
	cmd.Flags().StringVarP(&file, "file", "f", "", "policy `FILE` (YAML); - reads standard input")
	return a.bind(cmd)
}

func readPolicy(c *cobra.Command, file string) ([]byte, error) {
	from := c.InOrStdin()
	switch file {
	case "":
		return nil, wrongUse(fmt.Errorf("%s needs -f FILE", c.CommandPath()), "write -f - for standard input")
	case "-":
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, unreadPolicy(err)
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, 16*admin.MaxPolicyText)) // so that the error says how long most are
	if err != nil {
		return nil, unreadPolicy(err)
	}
	return text, admin.CheckPolicySize(len(text))
}

// unreadPolicy says of a file that it cannot be read.
func unreadPolicy(err error) error {
	return advice.With(fmt.Errorf("read policy: %w", err), "pass the path of a readable file")
}

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
