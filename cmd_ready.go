package main

import "github.com/spf13/cobra"

// bindReady adds --ready to a status command: what health checks and scripts ask.
func bindReady(cmd *cobra.Command, ready *bool, when string) {
	cmd.Flags().BoolVar(ready, "ready", false, "print nothing; exit code 0 when "+when+", else 1")
}
