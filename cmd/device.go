package cmd

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

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
	cmd.AddCommand(newDeviceTokenCmd(), newDeviceListCmd(), newDeviceShowCmd(), newDeviceRevokeCmd())
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
token is a secret: keep it in a file of mode 0600.`,
		Example: "  oneping device token --user alice@example.com --output laptop.token\n  oneping device token --user alice@example.com --ttl 24h --output laptop.token",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if user == "" {
				return wrongUse(fmt.Errorf("%s needs --user", c.CommandPath()), "say whose device it is: --user alice@example.com")
			}
			if ttl < time.Second {
				return wrongUse(fmt.Errorf("--ttl %s is too short", ttl), "write it as 30m or 24h")
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
			hint(c, "good once, until %s; on the laptop: sudo oneping client service install --token-file FILE, or sudo oneping client up --token-file FILE", term.Second(t.Expires))
			return nil
		},
	}
	out.bind(cmd)
	cmd.Flags().StringVar(&user, "user", "", "`USER` whose device it will be")
	cmd.Flags().DurationVar(&ttl, "ttl", time.Hour, "how long the token is good, a `DURATION` such as 30m or 24h")
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

func newDeviceShowCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "show ID",
		Short:   "Show one device, by its id, the beginning of that, or an address",
		Example: "  oneping device show 100.96.0.1",
		Args:    exactArgs("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.edge().Device(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(c, &d, func(w io.Writer) error { return writeDevice(w, &d, time.Now()) })
		},
	})
}

func newDeviceRevokeCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "revoke ID",
		Short:   "Shut a device out for good; its link ends within a second",
		Example: "  oneping device revoke jr4a66ryo4rdgjr2",
		Long: `revoke ends a device's link, sessions and flows within a second and refuses it
from now on. The same machine may enrol again with a new token.`,
		Args: exactArgs("ID"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.edge().RevokeDevice(c.Context(), args[0])
			if err != nil {
				return err
			}
			return a.print(c, &d, line("device %s of %s revoked", d.ID, d.User))
		},
	})
}
