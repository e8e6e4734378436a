package cmd

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

// consent is --yes: what a command asks about is meant.
type consent struct{ yes bool }

func (y *consent) bind(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&y.yes, "yes", false, "do what would be asked about, such as a very short prefix")
}

// prefixes refuses what is no prefix, and asks about those that are very short. Where nobody can be
// asked, or says no, the error says what they would do.
func (y *consent) prefixes(c *cobra.Command, prefixes ...string) error {
	for _, p := range prefixes {
		if err := admin.CheckPrefix(p); err != nil {
			return err
		}
		if y.yes {
			continue
		}
		if err := y.about(c, admin.CheckWidth(p)); err != nil {
			return err
		}
	}
	return nil
}

// about asks whether what err warns of is meant; nil: it is, or there was nothing to warn of.
func (y *consent) about(c *cobra.Command, err error) error {
	if err == nil || !term.IsTerminal(os.Stdin) || !term.IsTerminal(os.Stderr) {
		return err
	}
	return answer(c.InOrStdin(), c.ErrOrStderr(), err)
}

// answer prints what err warns of and reads whether to go on.
func answer(in io.Reader, out io.Writer, err error) error {
	if _, err := fmt.Fprintf(out, "%s\nDo it? Type yes: ", err); err != nil {
		return err
	}
	word, _ := bufio.NewReader(in).ReadString('\n') // what is cut short is no yes
	if strings.TrimSpace(word) == "yes" {
		return nil
	}
	return errors.New("nothing was done")
}
