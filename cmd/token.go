package cmd

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/node"
)

// tokenHelp is the help of --token-file; token says whose.
func tokenHelp(token string) string {
	return "`FILE` with the " + token + ` ("-": standard input; default: $` + node.TokenVariable + `)`
}

// tokenOutput is where a command writes a token: standard output, or a file that only its owner
// reads.
type tokenOutput struct{ path string }

func (o *tokenOutput) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&o.path, "output", "o", "", "write the token to `FILE`, mode 0600, and not to standard output")
}

func (o *tokenOutput) write(c *cobra.Command, a *adminFlags, t *admin.Token) error {
	if o.path == "" {
		return a.print(c, t, line("%s", t.Token))
	}
	if err := writeSecret(o.path, t.Token+"\n"); err != nil {
		return fmt.Errorf("write token: %w", err)
	}
	return nil
}

// writeSecret makes or replaces a file of mode 0600.
func writeSecret(path, text string) error {
	f, err := os.CreateTemp(filepath.Dir(path), ".oneping-*") // mode 0600
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(f.Name(), path)
	}
	if err != nil {
		_ = os.Remove(f.Name())
	}
	return err
}
