package cmd

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/advice"
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

// spare refuses a file that holds another token than one for whom the new one is, a user or "tunnel
// NAME": whoever asks first has both. One that enrols nobody any more may go.
func (o *tokenOutput) spare(ctx context.Context, a *adminFlags, whom string) error {
	held, ok := process.HeldToken(o.path)
	if !ok {
		return nil
	}
	issued, err := a.edge().Tokens(ctx, true)
	if err != nil {
		return err
	}
	of := "that this edge does not know"
	if i := slices.IndexFunc(issued, func(t admin.IssuedToken) bool { return t.ID == held.ID }); i >= 0 {
		t := &issued[i]
		if t.For() == whom || t.State != admin.TokenGood {
			return nil
		}
		of = "of " + t.For()
	}
	return &advice.Error{
		Text:   "write token: " + o.path + " holds the " + string(held.Kind) + " token " + held.ID + " " + of,
		Advice: "name another file, or remove it first: rm " + quote(o.path),
	}
}

// named is how the file is called in what is to be typed where it is taken: its name without the
// directory, and FILE where the token went into none.
func (o *tokenOutput) named() string {
	if fi, err := os.Stat(o.path); o.path == "" || o.path == "-" || err != nil || !fi.Mode().IsRegular() {
		return "FILE"
	}
	return quote(filepath.Base(o.path))
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
