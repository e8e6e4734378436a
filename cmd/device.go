package cmd

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/identity"
	"github.com/oneping/oneping/edge/model"
	"github.com/oneping/oneping/internal/term"
)

func newDeviceCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:        "device",
		SuggestFor: []string{"user", "users", "machine", "laptop"},
		Short:      "Manage devices: the machines that clients run on",
		Long: `A device enrols once with a token made for its user, keeps its own key and gets
one stable address per family.

These commands speak to the edge on this machine.`,
		Example: "  oneping device token --user alice@example.com --output laptop.token\n  oneping device list",
		Args:    exactArgs(),
	}
	cmd.AddCommand(newDeviceTokenCmd(), newDeviceListCmd(), newDeviceShowCmd(),
		newDeviceRenameCmd(), newDeviceRevokeCmd(), newDeviceDeleteCmd())
	return cmd
}

func newDeviceTokenCmd() *cobra.Command {
	var a adminFlags
	var out tokenOutput
	var user string
	var ttl time.Duration
	cmd := &cobra.Command{
		Use:   "token --user USER",
		Short: "Make a token that enrols one device, once",
		Long: `token prints a new token and nothing else on standard output, or writes it to a
file with --output. It enrols one device for the user, once, within --ttl. A
token is a secret: keep it in a file of mode 0600. "oneping token list" shows the
ones that nobody has used yet, "oneping token cancel" makes one useless.`,
		Example: "  oneping device token --user alice@example.com --output laptop.token\n  oneping device token --user alice@example.com --ttl 24h --output laptop.token",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if user == "" {
				return wrongUse(fmt.Errorf("%s needs --user", c.CommandPath()), "say whose device it is: --user alice@example.com")
			}
			if ttl < time.Second {
				return wrongUse(fmt.Errorf("--ttl %s is too short", ttl), "write it as 30m or 24h")
			}
			if ttl > identity.MaxDeviceTokenLife {
				return wrongUse(fmt.Errorf("--ttl %s is too long: %s is the longest", ttl, identity.MaxDeviceTokenLife),
					"it enrols one device, once: make it when that is at hand, and another one later")
			}
			if err := out.spare(c.Context(), &a, model.FoldUser(user)); err != nil {
				return err
			}
			t, err := a.edge().DeviceToken(c.Context(), user, ttl)
			if err != nil {
				return err
			}
			if err := out.write(c, &a, &t); err != nil {
				return err
			}
			if t.Hint != "" {
				hint(c, "%s", t.Hint)
			}
			hint(c, "good once, until %[1]s; on the laptop: sudo oneping client service install --token-file %[2]s, or sudo oneping client up --token-file %[2]s", term.Second(t.Expires), out.named())
			return nil
		},
	}
	out.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "`USER` whose device it will be")
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token is good, a `DURATION` such as 30m or 24h; 720h at most")
	return a.bind(cmd)
}

func newDeviceListCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "list",
		Short:   "List devices",
		Example: "  oneping device list\n  oneping device list --json | jq -r '.[] | select(.link) | .user'",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			ds, err := a.edge().Devices(c.Context())
			if err != nil {
				return err
			}
			return a.print(c, ds, func(w io.Writer) error {
				if len(ds) == 0 {
					hint(c, "there is no device yet: oneping device token --user USER")
					return nil
				}
				return writeDevices(w, ds, time.Now())
			})
		},
	})
}
