package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"
)

// someIDs wants one argument at least, and none that is empty; hint says where ids come from.
func someIDs(hint string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		user := slices.IndexFunc(args, func(id string) bool { return strings.Contains(id, "@") })
		switch {
		case len(args) == 0, slices.Contains(args, ""):
			return wrongUse(fmt.Errorf("%s takes ID…, and got none", c.CommandPath()), hint)
		case user >= 0 && c.Flags().Lookup("user") != nil:
			return wrongUse(fmt.Errorf("%s takes ID…, and %q is a user", c.CommandPath(), args[user]), "did you mean --user "+args[user]+"?")
		case user >= 0:
			return wrongUse(fmt.Errorf("%s takes ID…, and %q is a user", c.CommandPath(), args[user]), hint)
		}
		return nil
	}
}

// eachID asks the edge for the same thing about each id, and says what became of it: one that is not
// there must not save the others. then is told of those that were there.
func eachID[T any](c *cobra.Command, a *adminFlags, ids []string, ask func(context.Context, string) (T, error), say func(*T) string, then func([]T)) error {
	out := c.OutOrStdout()
	if a.json {
		out = io.Discard // the list is the answer, once
	}
	done := []T{}
	var failed []error
	for _, id := range ids {
		x, err := ask(c.Context(), id)
		if err == nil {
			done = append(done, x)
			err = line("%s", say(&x))(out)
		}
		failed = append(failed, err)
	}
	if a.json {
		failed = append(failed, a.print(c, done, nil))
	}
	then(done)
	return errors.Join(failed...)
}
