package cmd

import (
	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/advice"
)

// usageError is a command line that makes no sense: exit code 2.
type usageError struct{ err error }

// wrongUse makes a usage error of err; hint says what to write instead.
func wrongUse(err error, hint string) error { return &usageError{advice.With(err, hint)} }

func (e *usageError) Error() string { return e.err.Error() }

func (e *usageError) Unwrap() error { return e.err }

// seeHelp is the hint for who has not written what cmd takes.
func seeHelp(cmd *cobra.Command) string { return "see " + cmd.CommandPath() + " --help" }
