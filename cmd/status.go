package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/advice"
)

// newStatusCmd is `oneping status`: what there is on this machine, whatever its roles.
func newStatusCmd() *cobra.Command {
	var onlyReady bool
	var out output
	cmd := &cobra.Command{
		Use:   "status",
		Short: "Show which roles this machine has, how their services and links are, and what is wrong",
		Long: `status finds the roles of this machine: those that run, as a service or by hand,
those whose service is stopped or has failed, those that have run before, and a
client that was killed and left what it captured unreachable. Below the table it
says of each that is not ready what is missing and what to do.

With --ready it prints nothing and its exit code is 0 when each role that runs here,
or is a service, is ready; else it says what is missing, with 1.
"oneping ROLE status" has all that a role says of itself.`,
		Example: "  oneping status\n  oneping status --json | jq -r '.[] | select(.state != \"ready\") | .hint'",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			list := []presence{}
			for _, role := range roles() {
				if p := findRole(c.Context(), role); p.State != stateAbsent {
					list = append(list, p)
				}
			}
			if onlyReady {
				return allReady(list)
			}
			return out.print(c, list, func(w io.Writer) error {
				if len(list) == 0 {
					fmt.Fprintln(w, "no role of oneping is set up on this machine")
					hint(c, "%s", howToBegin)
					return nil
				}
				return writePresences(w, list, time.Now())
			})
		},
	}
	cmd.Flags().BoolVar(&onlyReady, "ready", false, "print nothing; exit code 0 when each role of this machine is ready, else 1")
	out.bind(cmd, ": a list of roles")
	return cmd
}

// howToBegin is the hint for a machine without a role.
const howToBegin = "oneping edge run, oneping connector run and oneping client up begin one; oneping lab shows all three"

// allReady returns what is missing, nil where nothing is.
func allReady(list []presence) error {
	list = slices.DeleteFunc(slices.Clone(list), func(p presence) bool { return !p.expected() })
	if len(list) == 0 {
		return &advice.Error{Text: "no role of oneping runs on this machine, and none is a service", Advice: howToBegin}
	}
	var texts []string
	var first error
	for i := range list {
		if err := list[i].missing(); err != nil {
			texts = append(texts, err.Error())
			first = errors.Join(first, err)
		}
	}
	if first == nil {
		return nil
	}
	return &advice.Error{Text: strings.Join(texts, "; "), Cause: first}
}
