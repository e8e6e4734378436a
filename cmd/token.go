package cmd

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/process"
)

// tokenHelp is the help of --token-file; token says whose.
func tokenHelp(token string) string {
	return "`FILE` with the " + token + ` ("-": standard input; default: $` + process.TokenVariable + `)`
}

// tokenOutput is where a command writes a token: standard output, or a file that only its owner
// reads.
type tokenOutput struct{ path string }

func (o *tokenOutput) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.path, "output", "o", "", "write the token to `FILE`, mode 0600, and not to standard output; what is no file, such as a FIFO or /dev/stdout, is written to and stays")
	cmd.PreRunE = func(*cobra.Command, []string) error { // before a token is made that nobody gets
		if err := process.CheckOutput(o.path); err != nil {
			return fmt.Errorf("write token: %w", err)
		}
		return nil
	}
}

func (o *tokenOutput) write(c *cobra.Command, a *adminFlags, t *admin.Token) error {
	if o.path == "" {
		return a.print(c, t, line("%s", t.Token))
	}
	if err := process.WriteOutput(c.Context(), o.path, []byte(t.Token+"\n")); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	return nil
}
