package cmd

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/term"
)

func newDeviceShowCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "show ID",
		Short:   "Show one device, by its id, the beginning of that, an address, or its name",
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

func newDeviceRenameCmd() *cobra.Command {
	var a adminFlags
	return a.bind(&cobra.Command{
		Use:     "rename ID NAME",
		Short:   "Change what a device is called in lists",
		Example: "  oneping device rename jr4a66ryo4rdgjr2 alices-laptop",
		Long: `rename changes what a device is called, which was the name of its host when it
enrolled. Nothing else depends on that: policies name devices by their ids.`,
		Args: exactArgs("ID", "NAME"),
		RunE: func(c *cobra.Command, args []string) error {
			d, err := a.edge().RenameDevice(c.Context(), args[0], args[1])
			if err != nil {
				return err
			}
			return a.print(c, &d, line("device %s is called %s", d.ID, d.Name))
		},
	})
}

func newDeviceRevokeCmd() *cobra.Command {
	var a adminFlags
	var user string
	cmd := &cobra.Command{
		Use:     "revoke ID… | --user USER",
		Short:   "Shut devices out for good; their links end within a second",
		Example: "  oneping device revoke jr4a66ryo4rdgjr2\n  oneping device revoke --user alice@example.com",
		Long: `revoke ends a device's link, sessions and flows within a second and refuses it
from now on. The same machine may enrol again with a new token. With --user it
revokes all devices of a user, and cancels the tokens that could enrol another one
of them. Revoked devices stay in the list until "oneping device delete".`,
		Args: func(c *cobra.Command, args []string) error {
			switch byUser := c.Flags().Changed("user"); {
			case byUser && len(args) > 0:
				return wrongUse(errors.New("revoke takes ID… or --user, and got both"), "name the devices, or whose they are")
			case byUser && user == "":
				return wrongUse(errors.New("--user is empty"), "say whose devices: --user alice@example.com")
			case byUser:
				return nil
			}
			return someIDs("oneping device list shows them; all of a user: --user USER")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if user != "" {
				return revokeUser(c, &a, user)
			}
			return eachID(c, &a, args, a.edge().RevokeDevice, func(d *admin.Device) string {
				return "device " + d.ID + " of " + d.User + " revoked"
			}, func([]admin.Device) {})
		},
	}
	cmd.Flags().StringVar(&user, "user", "", "revoke all devices of `USER`, and the user's tokens")
	return a.bind(cmd)
}

// revokeUser revokes what a user has, and says what that was.
func revokeUser(c *cobra.Command, a *adminFlags, user string) error {
	r, err := a.edge().RevokeUser(c.Context(), user)
	if err != nil {
		return err
	}
	err = a.print(c, &r, func(w io.Writer) error {
		for _, d := range r.Devices {
			if err := line("device %s of %s revoked", d.ID, d.User)(w); err != nil {
				return err
			}
		}
		for _, t := range r.Tokens {
			if err := line("token %s of %s cancelled", t.ID, t.User)(w); err != nil {
				return err
			}
		}
		return nil
	})
	if len(r.Devices)+len(r.Tokens) == 0 {
		hint(c, "%s had nothing that lets in: %s revoked before", r.User, term.Count(r.Before, "device"))
	}
	if r.Hint != "" {
		hint(c, "%s", r.Hint)
	}
	return err
}

func newDeviceDeleteCmd() *cobra.Command {
	var a adminFlags
	var revoked bool
	cmd := &cobra.Command{
		Use:     "delete ID… | --revoked",
		Short:   "Shut devices out for good and take them off the list",
		Example: "  oneping device delete jr4a66ryo4rdgjr2\n  oneping device delete --revoked",
		Long: `delete revokes devices, those that are not yet, and takes them off the list. With
--revoked it deletes all that are revoked already. Their addresses go to other
devices an hour later at the earliest. The same machine may enrol again with a new
token.`,
		Args: func(c *cobra.Command, args []string) error {
			switch {
			case revoked && len(args) > 0:
				return wrongUse(errors.New("delete takes ID… or --revoked, and got both"), "name the devices, or leave their ids out")
			case revoked:
				return nil
			}
			return someIDs("oneping device list shows them; all that are revoked: --revoked")(c, args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			if revoked {
				var err error
				if args, err = revokedDevices(c, &a); err != nil {
					return err
				}
			}
			return eachID(c, &a, args, a.edge().DeleteDevice, func(d *admin.Device) string {
				return fmt.Sprintf("device %s of %s (host %s) deleted", d.ID, d.User, d.Name)
			}, func([]admin.Device) {})
		},
	}
	cmd.Flags().BoolVar(&revoked, "revoked", false, "delete all devices that are revoked")
	return a.bind(cmd)
}

// revokedDevices returns the ids of the devices that are revoked.
func revokedDevices(c *cobra.Command, a *adminFlags) ([]string, error) {
	devices, err := a.edge().Devices(c.Context())
	if err != nil {
		return nil, err
	}
	devices = slices.DeleteFunc(devices, func(d admin.Device) bool { return !d.Revoked })
	if len(devices) == 0 {
		hint(c, "no device is revoked")
	}
	out := make([]string, len(devices))
	for i, d := range devices {
		out[i] = d.ID
	}
	return out, nil
}
