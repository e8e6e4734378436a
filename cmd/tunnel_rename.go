package cmd

import (
	"io"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/term"
)

func newTunnelRenameCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "rename NAME NEW",
		Short:   "Give a tunnel another name; routes, tokens and grants follow",
		Example: "  oneping tunnel rename office berlin",
		Long: `rename gives a tunnel another name. Its routes, tokens and connectors stay with
it, and the grants that name it are changed in the policy; nobody is cut off
meanwhile. A policy file of yours still has the old name: write it anew with
"oneping policy show".`,
		Args: exactArgs("NAME", "NEW"),
		RunE: func(c *cobra.Command, args []string) error {
			t, err := a.edge().RenameTunnel(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			err = a.print(c, &t, func(w io.Writer) error {
				if len(t.Grants) == 0 {
					return line("tunnel %s is called %s", t.Was, t.Name)(w)
				}
				return line("tunnel %s is called %s, in %s (%s) too", t.Was, t.Name, term.Count(len(t.Grants), "grant"), term.Few(t.Grants))(w)
			})
			if len(t.Grants) > 0 {
				hint(c, "a policy file of yours still says tunnel:%s: oneping policy show > policy.yaml", t.Was)
			}
			if t.Hint != "" {
				hint(c, "%s", t.Hint)
			}
			return err
		},
	})
}
