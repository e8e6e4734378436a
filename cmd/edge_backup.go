package cmd

import (
	"bytes"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/term"
)

func newEdgeBackupCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:   "backup FILE",
		Short: "Write the edge's state to a file, while it runs",
		Long: `backup writes what the edge that runs on this machine knows, at one moment:
tunnels, routes, devices and who was revoked, connectors, tokens, policy, and the
authority's key and secret. FILE, mode 0600, is a tar file; it is read back before
backup says that it is there. "oneping edge restore FILE" makes an edge of it, on
this machine or another: nodes notice nothing but its address.

Keep FILE as you keep a key: who has it can make nodes and tokens ("oneping edge
rekey" is for when it is stolen). The audit log is not in it, nor edge.yaml.`,
		Example: "  oneping edge backup edge.tar\n  oneping edge backup - | ssh backup.example.com \"umask 077; cat > edge.tar\"",
		Args:    exactArgs("FILE"),
		RunE: func(c *cobra.Command, args []string) error {
			file, err := a.edge().Backup(c.Context())
			if err != nil {
				return err
			}
			b, err := edge.ReadBackup(file)
			if err != nil {
				return err
			}
			if err := writeBackup(c, args[0], file); err != nil {
				return err
			}
			if b.Held > 0 {
				hint(c, "%s in force and not in it, as they could not be written yet: take another one when \"oneping edge status\" says that they are", term.Count(b.Held, "revocation"))
			}
			if args[0] == "-" {
				return nil
			}
			err = a.print(c, &b.Manifest, func(w io.Writer) error {
				t := &term.Table{Empty: "-"}
				t.Row("backup", args[0]+", "+term.Thousands(len(file))+" bytes")
				t.Row("revision", fmt.Sprint(b.Revision))
				t.Row("holds", term.List(b.Parts))
				return t.Print(w)
			})
			hint(c, "keep it as you keep a key; to make an edge of it: oneping edge restore %s", quote(args[0]))
			return err
		},
	})
}

// writeBackup writes a backup, and reads it back where that is a file.
func writeBackup(c *cobra.Command, path string, file []byte) error {
	if err := process.WriteOutput(c.Context(), path, file); err != nil {
		return fmt.Errorf("write backup: %w", err)
	}
	fi, err := os.Stat(path)
	if path == "-" || err != nil || !fi.Mode().IsRegular() {
		return nil
	}
	is, err := process.ReadFile(path)
	if err == nil && !bytes.Equal(is, file) {
		err = &advice.Error{Text: "it is not what was written", Advice: "look at the disk (dmesg, smartctl), or name a file elsewhere"}
	}
	if err != nil {
		return fmt.Errorf("read %s back: %w", path, err)
	}
	return nil
}

// readBackup reads the backup in a file.
func readBackup(c *cobra.Command, path string) (*edge.Backup, error) {
	file, err := awaited(c, path, func() ([]byte, error) { return process.ReadFile(path) })
	if err != nil {
		return nil, advice.With(err, "name a file that oneping edge backup has written")
	}
	return edge.ReadBackup(file)
}
