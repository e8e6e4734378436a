package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/spf13/cobra"
)

// someIDs wants one argument at least, and none that is empty; hint says where ids come from.
func someIDs(hint string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if err := oddValue(c); err != nil {
			return err
		}
		if len(args) > 0 && !slices.Contains(args, "") {
			return nil
		}
		return wrongUse(fmt.Errorf("%s takes ID…, and got none", c.CommandPath()), hint)
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
