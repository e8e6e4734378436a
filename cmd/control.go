package cmd

import (
	"fmt"
	"os"
	osexec "os/exec"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// This file is about roles that are services of this machine: up, down, restart and logs, of one
// role or of all that are there.

// longestBreak is how long down --for may last: who wants more does not want it to come back.
const longestBreak = 7 * 24 * time.Hour

// subject names the roles that a command is about: "the client", or every service of oneping.
func subject(of []proto.Role) string {
	if len(of) == 1 {
		return "the " + string(of[0])
	}
	return "what oneping runs as services"
}

// commandOf returns how a command of these roles begins.
func commandOf(of []proto.Role) string {
	if len(of) == 1 {
		return "oneping " + string(of[0])
	}
	return "oneping"
}

func newUpCmd(of ...proto.Role) *cobra.Command {
	return &cobra.Command{
		Use:     "up",
		Aliases: []string{"start"},
		Short:   "Start " + subject(of) + ", and wait until it is ready",
		Long: `up starts the service and waits until it is ready, for 10 seconds at most. A service
that runs is left alone. "service install" makes a role one; without that, a role
runs in the foreground, until it is interrupted: oneping edge run, oneping connector
run, oneping client up.`,
		Example: "  sudo " + commandOf(of) + " up",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			return eachService(c, of, func(s *service.State, role proto.Role) error { return startService(c, s, role) })
		},
	}
}

// startService starts the service of a role that does not run yet, and waits until it is ready.
func startService(c *cobra.Command, s *service.State, role proto.Role) error {
	if s.Activity == service.Running && s.Back.IsZero() {
		if err := line("keep    %s: it runs", s.Name)(c.OutOrStdout()); err != nil {
			return err
		}
	} else if err := service.Start(c.Context(), role, c.OutOrStdout()); err != nil {
		return err
	}
	return awaitReady(c, role)
}

func newRestartCmd(of ...proto.Role) *cobra.Command {
	return &cobra.Command{
		Use:        "restart",
		SuggestFor: []string{"reload"},
		Short:      "Stop and start " + subject(of),
		Long: `restart stops the service, starts it, and waits until it is ready, for 10 seconds at
most. A changed configuration file is read then; "oneping ROLE config check" says
beforehand whether it is right.`,
		Example: "  sudo " + commandOf(of) + " restart",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			return eachService(c, of, func(_ *service.State, role proto.Role) error {
				if err := service.Restart(c.Context(), role, c.OutOrStdout()); err != nil {
					return err
				}
				return awaitReady(c, role)
			})
		},
	}
}

func newDownCmd(of ...proto.Role) *cobra.Command {
	var pause string
	cmd := &cobra.Command{
		Use:     "down",
		Aliases: []string{"stop"},
		Short:   "Stop " + subject(of) + ", until it is started or for a while",
		Long: `down stops the service. A client that is stopped gives this machine's routing back:
what it captured goes by the machine's own network then. It comes back with up, at the
next boot or, with --for, by itself: a timer of systemd starts it, whoever is logged in
then, and "oneping status" says when. "service uninstall" stops it for good.`,
		Example: "  sudo " + commandOf(of) + " down\n  sudo " + commandOf(of) + " down --for 10m",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			back, err := breakOf(c, pause)
			if err != nil {
				return err
			}
			return eachService(c, of, func(s *service.State, role proto.Role) error {
				if err := service.Stop(c.Context(), role, back, c.OutOrStdout()); err != nil {
					return err
				}
				hint(c, "%s", comesBack(s, role, back))
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&pause, "for", "", "start it again after `TIME`, such as 10m or 2h (Linux with systemd)")
	return cmd
}

// breakOf reads how long down is to last; 0 is until somebody starts it.
func breakOf(c *cobra.Command, text string) (time.Duration, error) {
	if !c.Flags().Changed("for") {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Second || d > longestBreak {
		return 0, wrongUse(fmt.Errorf("--for %q: want a time from 1s to %s", text, term.Span(longestBreak)), "write --for 10m, or --for 2h")
	}
	return d, nil
}

// comesBack says when a service that was stopped runs again.
func comesBack(s *service.State, role proto.Role, back time.Duration) string {
	up := "oneping " + string(role) + " up"
	switch {
	case back > 0:
		return fmt.Sprintf("it comes back at %s; sooner: %s", time.Now().Add(back).Format(time.TimeOnly), up)
	case s.AtBoot:
		return "it comes back with the next boot, or now: " + up
	}
	return "it comes back with: " + up
}

func newLogsCmd(of ...proto.Role) *cobra.Command {
	var follow bool
	var lines int
	cmd := &cobra.Command{
		Use:        "logs",
		Aliases:    []string{"log"},
		SuggestFor: []string{"journal"},
		Short:      "Show the log of " + subject(of),
		Long: `logs shows the last lines that the service has written: out of the journal of systemd,
of /var/log on macOS, of the event log on Windows. Who runs a role by hand has its log
where it was started.`,
		Example: "  sudo " + commandOf(of) + " logs\n  sudo " + commandOf(of) + " logs --follow",
		Args:    exactArgs(),
		RunE: func(c *cobra.Command, _ []string) error {
			if lines < 1 {
				return wrongUse(fmt.Errorf("--lines %d: want at least 1", lines), "write --lines 100")
			}
			var found []proto.Role
			err := eachService(c, of, func(_ *service.State, role proto.Role) error {
				found = append(found, role)
				return nil
			})
			if err != nil {
				return err
			}
			return show(c, service.Log(found, lines, follow))
		},
	}
	cmd.Flags().BoolVarP(&follow, "follow", "f", false, "go on showing what is written")
	cmd.Flags().IntVarP(&lines, "lines", "n", 50, "show the last `N` lines")
	return cmd
}

// show runs a program that prints, in this one's place.
func show(c *cobra.Command, argv []string) error {
	cmd := osexec.CommandContext(c.Context(), argv[0], argv[1:]...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, c.OutOrStdout(), c.ErrOrStderr()
	err := cmd.Run()
	if c.Context().Err() != nil {
		return nil // asked to stop: that is how --follow ends
	}
	if err != nil {
		return advice.With(fmt.Errorf("show log: %s: %w", strings.Join(argv, " "), err), "repeat the command with sudo, or look there yourself")
	}
	return nil
}

// eachService calls do for each of the roles that is a service of this machine. Where none is, that
// is an error, which says what there is instead.
func eachService(c *cobra.Command, of []proto.Role, do func(*service.State, proto.Role) error) error {
	found := false
	for _, role := range of {
		if s := service.Look(c.Context(), role); s.Chosen() {
			found = true
			if err := do(&s, role); err != nil {
				return err
			}
		}
	}
	if found {
		return nil
	}
	return noService(c, of)
}

// noService says what there is of roles that are no services.
func noService(c *cobra.Command, of []proto.Role) error {
	verb := strings.Fields(c.CommandPath())
	for _, role := range of {
		p := findRole(c.Context(), role)
		if p.Process == "" {
			continue
		}
		return &advice.Error{
			Text:   fmt.Sprintf("%s: the %s is no service of this machine: it is %s", verb[len(verb)-1], role, shortened(p.Process)),
			Advice: byHand(verb[len(verb)-1]),
		}
	}
	if len(of) == 1 {
		return &advice.Error{
			Text:   fmt.Sprintf("%s: the %s is no service of this machine", verb[len(verb)-1], of[0]),
			Advice: becomeService(of[0]),
		}
	}
	return &advice.Error{
		Text:   verb[len(verb)-1] + ": no role of oneping is a service of this machine",
		Advice: "oneping status shows what there is; sudo oneping ROLE service install makes a role one",
	}
}

// shortened cuts a process's command line, "process 7 (oneping client run …)", to what names it.
func shortened(process string) string {
	const longest = 60
	if runes := []rune(process); len(runes) > longest {
		return string(runes[:longest]) + "…)"
	}
	return process
}

// byHand says what to do with a role that runs in somebody's terminal, or under a supervisor of his.
func byHand(verb string) string {
	if lab := os.Getenv("ONEPING_LAB_NODE"); lab != "" {
		inLab := map[string]string{"down": "stop", "up": "start", "logs": "logs"}
		if word := inLab[verb]; word != "" {
			return "this is a node of a lab: outside of it, oneping lab " + word + " " + lab
		}
	}
	switch verb {
	case "logs":
		return "its log is there where it was started"
	case "down":
		return "end it where it was started, with Ctrl-C, or with kill and its number"
	case "restart":
		return "end it where it was started, with Ctrl-C, and start it there"
	}
	return "it runs already"
}

// becomeService says how a role is started here, and how it becomes a service.
func becomeService(role proto.Role) string {
	install := "sudo oneping " + string(role) + " service install"
	if role != proto.RoleEdge && usedStateDir(role) == "" {
		install += " --token-file FILE (the edge prints a token: oneping " + process.TokenCommand(role) + ")"
	}
	return "oneping " + string(role) + " " + starts(role) + " runs it in the foreground; " + install + " makes it a service"
}
