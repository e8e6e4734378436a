package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/term"
)

func newPolicyApplyCmd() *cobra.Command {
	var a adminFlags
	var file policyFile
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Check a policy, run its tests and put it in force",
		Long: `apply replaces the policy as a whole, and says what changed. Unknown keys,
malformed terms and failed tests are refused with their lines, and the policy in
force stays. Live flows are looked at once and those no longer allowed end.`,
		Example: "  oneping policy apply -f policy.yaml\n  oneping policy show | sed s/alice/bob/ | oneping policy apply -f -",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) == 1 && file.path == "" {
				return wrongUse(fmt.Errorf("%s takes no argument, and got %q", c.CommandPath(), args[0]), "a file is named with -f: "+c.CommandPath()+" -f "+args[0])
			}
			return exactArgs()(c, args)
		},
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := file.read(c)
			if err != nil {
				return err
			}
			wait := newProgress()
			wait.Step("policy: the edge checks it and puts it in force")
			applied, err := a.edge().ApplyPolicy(c.Context(), text)
			wait.Done()
			if err != nil {
				return err
			}
			return a.sayApplied(c, &applied)
		},
	}
	file.bind(cmd)
	return a.bind(cmd)
}

// sayApplied tells a person what came of a policy, and what it lacks.
func (a *adminFlags) sayApplied(c *cobra.Command, applied *admin.Applied) error {
	err := a.print(c, applied, func(w io.Writer) error { return writeApplied(w, applied) })
	hintApplied(c, applied)
	return err
}

func hintApplied(c *cobra.Command, applied *admin.Applied) {
	for _, name := range applied.Missing {
		hint(c, "there is no tunnel %s: the grants that name it reach nothing there", name)
	}
	for _, p := range applied.Unreached {
		hint(c, "no grant reaches the route %s: everything there is denied", p)
	}
	for _, text := range applied.Hints {
		hint(c, "%s", text)
	}
}

func newPolicyDiffCmd() *cobra.Command {
	var a adminFlags
	var file policyFile
	cmd := &cobra.Command{
		Use:   "diff FILE",
		Short: "Say what applying a policy would change, and change nothing",
		Long: `diff has the edge check a policy as apply does, with its tunnels, its routes and
the tests, and says what it would change: + is new, - is gone, ~ is otherwise.`,
		Example: "  oneping policy diff policy.yaml",
		Args:    file.args,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := file.read(c)
			if err != nil {
				return err
			}
			would, err := a.edge().DiffPolicy(c.Context(), text)
			if err != nil {
				return err
			}
			err = a.print(c, &would, func(w io.Writer) error {
				if len(would.Changes) == 0 {
					return line("no change: comments and layout are no matter of what is allowed")(w)
				}
				return writeChanges(w, "", would.Changes)
			})
			hintApplied(c, &would)
			return err
		},
	}
	file.bind(cmd)
	return a.bind(cmd)
}

// checked is what policy check found.
type checked struct {
	Grants    int      `json:"grants"`
	Groups    int      `json:"groups"`
	Tests     int      `json:"tests"`
	Undecided []string `json:"undecided,omitempty"` // expectations of tests that hang on a route
}

func newPolicyCheckCmd() *cobra.Command {
	var out output
	var file policyFile
	cmd := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a policy and run its tests, without an edge",
		Long: `check reads a policy as apply does and says what is wrong with it. No edge is
asked, so it can run where the file is written, before it is committed. What a
test expects by a tunnel depends on the edge's routes and is left out, and named;
"oneping policy diff" asks the edge.`,
		Example: "  oneping policy check policy.yaml",
		Args:    file.args,
		RunE: func(c *cobra.Command, _ []string) error {
			text, err := file.read(c)
			if err != nil {
				return err
			}
			p, err := policy.Parse([]byte(text))
			if err != nil {
				return err
			}
			undecided, err := policy.CheckAlone(p)
			if err != nil {
				return err
			}
			found := checked{Grants: len(p.Grants), Groups: len(p.Groups), Tests: len(p.Tests), Undecided: undecided}
			err = out.print(c, &found, line("%s: good: %s, %s, %s passed", file.path, term.Count(found.Grants, "grant"), term.Count(found.Groups, "group"), term.Count(found.Tests, "test")))
			if len(undecided) > 0 {
				hint(c, "not decided without the edge's routes: %s; on the edge: oneping policy diff %s", term.Few(undecided), file.path)
			}
			return err
		},
	}
	file.bind(cmd)
	out.bind(cmd, "")
	return cmd
}
