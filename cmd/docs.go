package cmd

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
)

// newDocsCmd writes what a package ships beside the program: scripts/release.sh calls it.
func newDocsCmd(root *cobra.Command) *cobra.Command {
	var source string
	cmd := &cobra.Command{
		Use:    "docs DIR",
		Short:  "Write the man pages and shell completions into DIR",
		Hidden: true,
		Args:   exactArgs("DIR"),
		RunE:   func(_ *cobra.Command, args []string) error { return writeDocs(root, args[0], source) },
	}
	cmd.Flags().StringVar(&source, "source", "docs", "`DIR` docs of the source, whose pages become man pages, too")
	return cmd
}

// writeDocs writes DIR/man/*.[157] and DIR/completions/oneping.{bash,zsh,fish}. The pages are dated
// $SOURCE_DATE_EPOCH.
func writeDocs(root *cobra.Command, dir, source string) error {
	man, completions := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, d := range []string{man, completions} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("write docs: %w", err)
		}
	}
	root.DisableAutoGenTag = true // it names the day of the build
	if err := writeCommandPages(root, man); err != nil {
		return err
	}
	if err := writeManuals(man, source, root.Version); err != nil {
		return err
	}
	for shell, write := range map[string]func(path string) error{
		"bash": func(path string) error { return root.GenBashCompletionFileV2(path, true) },
		"zsh":  root.GenZshCompletionFile,
		"fish": func(path string) error { return root.GenFishCompletionFile(path, true) },
	} {
		if err := write(filepath.Join(completions, "oneping."+shell)); err != nil {
			return fmt.Errorf("write completion of %s: %w", shell, err)
		}
	}
	return nil
}
