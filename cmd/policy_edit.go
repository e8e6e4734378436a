package cmd

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	sh "os/exec"
	"strings"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/advice"
)

func newPolicyEditCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:   "edit",
		Short: "Edit the policy in force and apply it",
		Long: `edit opens the text of the policy in force in an editor ($VISUAL, $EDITOR, else
editor, nano or vi) and applies what was saved, as apply does. Nothing happens
where nothing was changed. A text that is refused is kept in a file, and so is one
that somebody was quicker than, or that was saved before the editor failed.`,
		Example: "  oneping policy edit\n  EDITOR=nano oneping policy edit",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			p, err := a.edge().Policy(c.Context())
			if err != nil {
				return err
			}
			file, err := editFile(p.Source)
			if err != nil {
				return err
			}
			text, err := readPolicy(c, file)
			if err == nil && string(text) == p.Source {
				_ = os.Remove(file)
				return line("nothing was changed")(c.ErrOrStderr())
			}
			var applied admin.Applied
			if err == nil {
				applied, err = a.edge().ReplacePolicy(c.Context(), string(text), p.Base)
			}
			if err != nil {
				return keptFile(err, file)
			}
			_ = os.Remove(file)
			return a.sayApplied(c, &applied)
		},
	})
}

// keptFile says, with what was wrong, where the text is.
func keptFile(err error, file string) error {
	hint := strings.ReplaceAll(advice.Of(err), "FILE", file)
	next := "your text is in " + file + ": edit it, then oneping policy apply -f " + file
	if hint != "" {
		next = hint + "; " + next
	}
	return advice.With(err, next)
}

// editFile lets the person edit text, and returns the file that it is in then.
func editFile(text string) (string, error) {
	editor, err := findEditor()
	if err != nil {
		return "", err
	}
	f, err := os.CreateTemp("", "oneping-policy-*.yaml") // mode 0600
	if err != nil {
		return "", fmt.Errorf("edit policy: %w", err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err == nil {
		// EDITOR may have arguments; the file is one of the shell's, whatever its name. Ctrl-C is the
		// editor's: it ends by itself, and what was saved is not lost.
		run := sh.Command("sh", "-c", editor+` "$1"`, "sh", f.Name())
		run.Stdin, run.Stdout, run.Stderr = os.Stdin, os.Stdout, os.Stderr
		err = run.Run()
	}
	if err == nil {
		return f.Name(), nil
	}
	err = advice.With(fmt.Errorf("edit policy with %s: %w", editor, err), "the policy in force stays as it was; choose another editor: EDITOR=nano oneping policy edit")
	if saved, lost := os.ReadFile(f.Name()); lost == nil && len(saved) > 0 && string(saved) != text {
		return "", keptFile(err, f.Name())
	}
	_ = os.Remove(f.Name())
	return "", err
}

// findEditor returns the command that edits a file.
func findEditor() (string, error) {
	if named := cmp.Or(os.Getenv("VISUAL"), os.Getenv("EDITOR")); named != "" {
		return named, nil
	}
	for _, name := range []string{"editor", "nano", "vi"} {
		if path, err := sh.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", &advice.Error{
		Text:   "edit policy: no editor: EDITOR is not set, and there is no editor, nano or vi",
		Advice: "oneping policy show > policy.yaml; edit it; oneping policy apply -f policy.yaml",
	}
}
