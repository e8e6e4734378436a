package cmd

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// exitError ends the program with a code: that of a command that the lab ran, without a message,
// or that of a shell for one that it could not start, with the cause.
type exitError struct {
	code  int
	cause error // nil: nothing is to be said
}

func (e *exitError) Error() string {
	if e.cause != nil {
		return e.cause.Error()
	}
	return fmt.Sprintf("exit status %d", e.code)
}

func (e *exitError) Unwrap() error { return e.cause }

// usageError is a command line that makes no sense: exit code 2.
type usageError struct{ err error }

// wrongUse makes a usage error of err; hint says what to write instead.
func wrongUse(err error, hint string) error { return &usageError{advice.With(err, hint)} }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// helpOf is the hint for who has been told already what was wanted.
func helpOf(cmd *cobra.Command) string { return "see " + cmd.CommandPath() + " --help" }

// seeHelp is the hint for who has not written what cmd takes: an example of it, or its commands.
func seeHelp(cmd *cobra.Command) string {
	help := helpOf(cmd)
	if example := exampleOf(cmd); example != "" {
		return "for example: " + example + "; " + help
	}
	var names []string
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() && sub.Name() != "help" && sub.Name() != "completion" {
			names = append(names, sub.Name())
		}
	}
	if len(names) == 0 || !cmd.HasParent() { // oneping's own help has them in groups
		return help
	}
	return "its commands: " + strings.Join(names, ", ") + "; " + help
}

// exampleOf returns the first example of cmd itself, up to a pipe.
func exampleOf(cmd *cobra.Command) string {
	for example := range strings.Lines(cmd.Example) {
		example, _, _ = strings.Cut(strings.TrimSpace(example), " | ")
		words := strings.Fields(strings.TrimPrefix(example, cmd.Root().Name()+" "))
		if found, _, err := cmd.Root().Find(words); err == nil && found == cmd {
			return example
		}
	}
	return ""
}

// exactArgs wants one argument for each name, and names what is missing. A variable that is not set
// leaves an empty one.
func exactArgs(names ...string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) < len(names) {
			return wrongUse(fmt.Errorf("%s takes %s, and got %d of %d arguments", c.CommandPath(), strings.Join(names, " "), len(args), len(names)), seeHelp(c))
		}
		return goodArgs(c, names, args)
	}
}

// noneOrOne wants one argument, or none.
func noneOrOne(name string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) == 0 {
			return nil
		}
		return goodArgs(c, []string{name}, args)
	}
}

// goodArgs wants no more arguments than names, none empty and each in its place.
func goodArgs(c *cobra.Command, names, args []string) error {
	want := strings.Join(names, " ")
	switch i := slices.Index(args, ""); {
	case len(args) > len(names) && len(names) == 0:
		return wrongUse(fmt.Errorf("%s takes no argument, and got %q", c.CommandPath(), args[0]), stray(c, args[0]))
	case len(args) > len(names):
		return wrongUse(fmt.Errorf("%s takes %s, and got %q beside", c.CommandPath(), want, args[len(names)]), stray(c, args[len(names)]))
	case i >= 0:
		return wrongUse(fmt.Errorf("%s takes %s, and %s is empty", c.CommandPath(), want, names[i]), seeHelp(c))
	}
	return swapped(c, names, args)
}

// output is how a command prints what it was asked for: as text, or as JSON.
type output struct{ json bool }

// bind adds --json to cmd; what says what JSON there is, where that is not plain.
func (o *output) bind(cmd *cobra.Command, what string) {
	cmd.Flags().BoolVar(&o.json, "json", false, "print JSON"+what)
}

// print writes v as JSON where that is asked for, else as text.
func (o *output) print(c *cobra.Command, v any, text func(io.Writer) error) error {
	if o.json {
		return term.JSON(c.OutOrStdout(), v)
	}
	return text(c.OutOrStdout())
}

// hint tells a person what comes next, beside the output.
func hint(c *cobra.Command, format string, args ...any) {
	term.Hint(c.ErrOrStderr(), fmt.Sprintf(format, args...))
}

// runRole runs a role until it ends or is told to stop; then that is no error.
func runRole(c *cobra.Command, role proto.Role, run func(context.Context) error) error {
	ctx, cancel := process.UntilQuit(c.Context(), c.ErrOrStderr())
	defer cancel()
	err := run(ctx)
	if ctx.Err() != nil && errors.Is(err, context.Canceled) {
		return nil
	}
	return besideService(c.Context(), err, role)
}

// awaited runs read, which nothing interrupts where it opens a FIFO that nobody writes or reads a
// terminal, and does not wait for it when the program is told to stop: read stays behind then.
func awaited[T any](c *cobra.Command, path string, read func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		value, err := read()
		done <- result{value, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-c.Context().Done():
		var none T
		return none, fmt.Errorf("read %s: %w", path, context.Cause(c.Context()))
	}
}

// line returns a text function that prints one line.
func line(format string, args ...any) func(io.Writer) error {
	return func(w io.Writer) error {
		_, err := fmt.Fprintf(w, format+"\n", args...)
		return err
	}
}
