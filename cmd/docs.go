package cmd

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"
	"github.com/spf13/cobra/doc"
)

// newDocsCmd writes what a package ships beside the program: scripts/release.sh calls it.
func newDocsCmd(root *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use:    "docs DIR",
		Short:  "Write the man pages and shell completions into DIR",
		Hidden: true,
		Args:   exactArgs("DIR"),
		RunE:   func(_ *cobra.Command, args []string) error { return writeDocs(root, args[0]) },
	}
}

// writeDocs writes DIR/man/*.1 and DIR/completions/oneping.{bash,zsh,fish}. The pages are dated
// $SOURCE_DATE_EPOCH.
func writeDocs(root *cobra.Command, dir string) error {
	man, completions := filepath.Join(dir, "man"), filepath.Join(dir, "completions")
	for _, d := range []string{man, completions} {
		if err := os.MkdirAll(d, 0o755); err != nil {
			return fmt.Errorf("write docs: %w", err)
		}
	}
	root.DisableAutoGenTag = true // it names the day of the build
	header := &doc.GenManHeader{Section: "1", Source: "oneping " + root.Version, Manual: "oneping"}
	if err := doc.GenManTree(root, header, man); err != nil {
		return fmt.Errorf("write man pages: %w", err)
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
