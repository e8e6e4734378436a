package cmd

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/advice"
)

// policyFile is the file with a policy that a command is given: with -f, or as its argument.
type policyFile struct{ path string }

func (f *policyFile) bind(cmd *cobra.Command) {
	cmd.Flags().StringVarP(&f.path, "file", "f", "", "policy `FILE` (YAML); - reads standard input")
}

// args takes FILE as an argument.
func (f *policyFile) args(c *cobra.Command, args []string) error {
	if f.path != "" {
		return exactArgs()(c, args)
	}
	if err := exactArgs("FILE")(c, args); err != nil {
		return err
	}
	f.path = args[0]
	return nil
}

// read returns what is in the file.
func (f *policyFile) read(c *cobra.Command) (string, error) {
	text, err := awaited(c, f.path, func() ([]byte, error) { return readPolicy(c, f.path) })
	return string(text), err
}

func readPolicy(c *cobra.Command, file string) ([]byte, error) {
	from := c.InOrStdin()
	switch file {
	case "":
		return nil, wrongUse(fmt.Errorf("%s needs -f FILE", c.CommandPath()), "write -f - for standard input")
	case "-":
	default:
		f, err := os.Open(file)
		if err != nil {
			return nil, unreadPolicy(err)
		}
		defer func() { _ = f.Close() }()
		from = f
	}
	text, err := io.ReadAll(io.LimitReader(from, 16*admin.MaxPolicyText)) // so that the error says how long most are
	if err != nil {
		return nil, unreadPolicy(err)
	}
	return text, admin.CheckPolicySize(len(text))
}

// unreadPolicy says of a file that it cannot be read.
func unreadPolicy(err error) error {
	return advice.With(fmt.Errorf("read policy: %w", err), "pass the path of a readable file")
}
