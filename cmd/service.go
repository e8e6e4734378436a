package cmd

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/conf"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/proto"
)

func newServiceCmd(role proto.Role) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "service",
		Short: "Make the " + string(role) + " a service of this machine, or undo that",
		Args:  exactArgs(),
	}
	cmd.AddCommand(newServiceInstallCmd(role), newServiceUninstallCmd(role))
	return cmd
}

// serviceConfig names this program as the one that the service runs.
func serviceConfig(c *cobra.Command, role proto.Role, dry bool) (service.Config, error) {
	exe, err := os.Executable()
	if err == nil {
		exe, err = filepath.EvalSymlinks(exe)
	}
	if err != nil {
		return service.Config{}, fmt.Errorf("find this program: %w", err)
	}
	return service.Config{Role: role, Executable: exe, DryRun: dry, Out: c.OutOrStdout()}, nil
}

func newServiceInstallCmd(role proto.Role) *cobra.Command {
	var tokenFile string
	var dry bool
	cmd := &cobra.Command{
		Use:   "install",
		Short: "Install, enable and start the service",
		Long:  installHelp(role),
		Args:  exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := serviceConfig(c, role, dry)
			if err != nil {
				return err
			}
			if tokenFile != "" {
				t, _, err := process.ReadToken(c.Context(), role, tokenFile)
				if err != nil {
					return err
				}
				if err := process.CheckTokenKind(t, role); err != nil {
					return err
				}
				cfg.Token = t.String()
			}
			if err := service.Install(c.Context(), cfg); err != nil || dry {
				return err
			}
			return awaitReady(c, role)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and do nothing")
	if role == proto.RoleEdge {
		cmd.Example = "  sudo oneping edge service install"
		return cmd
	}
	cmd.Example = fmt.Sprintf("  sudo oneping %s service install --token-file %s.token", role, role)
	cmd.Flags().StringVar(&tokenFile, "token-file", "", "`FILE` with the token to enrol with (\"-\": standard input); it is copied to "+conf.Token(string(role)))
	return cmd
}

func installHelp(role proto.Role) string {
	text := fmt.Sprintf(`install makes the %[1]s a service that runs now and at each boot: a systemd unit
on Linux, launchd on macOS, a service on Windows. It says each thing that it does
and may be repeated; what is done already stays. At the end it waits until the
%[1]s is ready, for 10 seconds at most, and says what is missing if it is not: the
service goes on trying. Settings are read from
%[2]s.
`, role, conf.Default(string(role)))
	switch role {
	case proto.RoleEdge:
		text += `
On Linux the service is a user of its own that exists while it runs, without any
privilege or capability. Members of the group oneping may ask it for its status.`
	case proto.RoleConnector:
		text += `
On Linux the service is a user of its own that exists while it runs, without any
privilege or capability, in the group oneping. Where ping sockets are closed to
everyone, install opens them to that group: ` + service.SysctlFile + `.`
	case proto.RoleClient:
		text += `
On Linux the service is a user of its own that exists while it runs, with the one
capability CAP_NET_ADMIN and the one device /dev/net/tun. Members of the group
oneping may ask it for its status.`
	}
	return text
}

func newServiceUninstallCmd(role proto.Role) *cobra.Command {
	var dry bool
	cmd := &cobra.Command{
		Use:   "uninstall",
		Short: "Stop the service and remove what install has made",
		Long: `uninstall undoes what install did. A configuration file that was edited stays, and
so does the state: who this ` + string(role) + ` is.`,
		Example: fmt.Sprintf("  sudo oneping %s service uninstall", role),
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			cfg, err := serviceConfig(c, role, dry)
			if err != nil {
				return err
			}
			return service.Uninstall(c.Context(), cfg)
		},
	}
	cmd.Flags().BoolVar(&dry, "dry-run", false, "say what would be done, and do nothing")
	return cmd
}
