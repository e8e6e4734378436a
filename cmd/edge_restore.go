package cmd

import (
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/state"
	"github.com/oneping/oneping/internal/term"
)

func newEdgeRestoreCmd() *cobra.Command {
	var f edgeFlags
	var out output
	var how state.Restore
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Make a damaged store good again, while no edge runs",
		Long: `The edge keeps, beside its store, evidence of what was acknowledged: the files
journal and snapshot in its state directory. It does not start on a store that
has less than that. restore moves such a store aside, to nats.damaged-DATE, and
makes it anew from the evidence: tunnels, routes, devices and who was revoked,
connectors, tokens and policy. The audit log is taken over as far as it can be read.

Where the evidence is damaged as well, restore says what is left of it, and takes
that with --force. With --accept-store it is the other way round: what the store
has is right from now on, whatever was acknowledged; say so when a journal is lost,
or after an external store was set back on purpose. --dry-run changes nothing.`,
		Example: "  oneping edge restore --dry-run\n  oneping edge restore --state-dir ./edge",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if how.Accept && how.Force {
				return wrongUse(fmt.Errorf("--force and --accept-store exclude each other"), "take the evidence with --force, or the store with --accept-store")
			}
			e, _, err := f.build(c)
			if err != nil {
				return err
			}
			done, err := e.Restore(c.Context(), how)
			if err != nil {
				return err
			}
			if err := out.print(c, done, func(w io.Writer) error { return writeRestored(w, done) }); err != nil {
				return err
			}
			if !done.DryRun {
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
	out.bind(cmd, "")
	return cmd
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
