package cmd

import (
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/term"
)

func newEdgeRestoreCmd() *cobra.Command {
	var f edgeFlags
	var out output
	var how state.Restore
	cmd := &cobra.Command{
		Use:   "restore [FILE]",
		Short: "Make an edge of a backup, or a damaged store good again, while no edge runs",
		Long: `With FILE, which "oneping edge backup" has written, restore makes the state
directory what the edge knew then; into one that has an edge's state it goes only
with --replace, which moves that aside, to replaced-DATE. Who was revoked since the
backup is up again: revoke him once more.

Without FILE it makes a damaged store good. The edge keeps, beside its store, evidence of what was acknowledged: the files
journal and snapshot in its state directory. It does not start on a store that
has less than that. restore moves such a store aside, to nats.damaged-DATE, and
makes it anew from the evidence: tunnels, routes, devices and who was revoked,
connectors, tokens and policy. The audit log is taken over as far as it can be read.

Where the evidence is damaged as well, restore says what is left of it, and takes
that with --force. With --accept-store it is the other way round: what the store
has is right from now on, whatever was acknowledged; say so when a journal is lost,
or after an external store was set back on purpose. --dry-run changes nothing.`,
		Example: "  oneping edge restore edge.tar\n  oneping edge restore --dry-run\n  oneping edge restore --state-dir ./edge",
		Args:    noneOrOne("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			if err := checkRestore(&how, len(args) > 0); err != nil {
				return err
			}
			e, _, err := f.build(c)
			if err != nil {
				return err
			}
			done, err := restore(c, e, first(args), how)
			if err != nil {
				return err
			}
			if err := out.print(c, done, func(w io.Writer) error { return writeRestored(w, done) }); err != nil {
				return err
			}
			switch {
			case done.DryRun:
			case len(done.Aside) == 0:
				hint(c, "start the edge")
			default:
				hint(c, "start the edge; when all is well, remove what was moved aside")
			}
			return nil
		},
	}
	set := cmd.Flags()
	f.bindStore(cmd)
	set.BoolVar(&how.DryRun, "dry-run", false, "say what there is and what would be done; change nothing")
	set.BoolVar(&how.Force, "force", false, "take what can be read of damaged evidence")
	set.BoolVar(&how.Accept, "accept-store", false, "take what the store has, whatever was acknowledged")
	set.BoolVar(&how.Replace, "replace", false, "with FILE: move aside what the state directory has of an edge")
	out.bind(cmd, "")
	return cmd
}

// checkRestore refuses flags that do not go together.
func checkRestore(how *state.Restore, backup bool) error {
	switch {
	case how.Accept && how.Force:
		return wrongUse(errors.New("--force and --accept-store exclude each other"), "take the evidence with --force, or the store with --accept-store")
	case backup && (how.Accept || how.Force):
		return wrongUse(errors.New("--force and --accept-store are about a damaged store, and not for a backup"), "leave them out; a backup is whole, or it is refused")
	case !backup && how.Replace:
		return wrongUse(errors.New("--replace goes with a backup"), "name its file: oneping edge restore --replace FILE")
	}
	return nil
}

// restore restores from a backup, or with path "" from what the state directory has.
func restore(c *cobra.Command, e *edge.Edge, path string, how state.Restore) (*state.Restored, error) {
	if path == "" {
		return e.Restore(c.Context(), how)
	}
	b, err := readBackup(c, path)
	if err != nil {
		return nil, err
	}
	return e.RestoreBackup(c.Context(), b, how)
}

// writeRestored says what a restore has found and done.
func writeRestored(w io.Writer, r *state.Restored) error {
	t := &term.Table{Empty: "-"}
	t.Row("acknowledged", fmt.Sprintf("revision %d", r.Revision))
	for _, f := range r.Faults {
		t.Row("damaged", f.File+": "+f.What)
	}
	t.Row(restoredVerb(r), term.List(r.Parts))
	if r.Lost > 0 {
		t.Row("lost", fmt.Sprintf("%d of what was acknowledged", r.Lost))
	}
	if r.Back > 0 {
		t.Row("back", fmt.Sprintf("%d of what had been deleted", r.Back))
	}
	if r.Audit != nil {
		t.Row("audit log", fmt.Sprintf("%d of %d events kept", r.Audit.Kept, r.Audit.Of))
	}
	for _, path := range r.Aside {
		t.Row("kept aside", path)
	}
	return t.Print(w)
}

func restoredVerb(r *state.Restored) string {
	switch {
	case r.Accepted && r.DryRun:
		return "would accept"
	case r.Accepted:
		return "accepted"
	case r.DryRun:
		return "would restore"
	}
	return "restored"
}
