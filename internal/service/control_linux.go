package service

import (
	"context"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

// askWait bounds how long the service manager may take to say how a service is.
const askWait = 5 * time.Second

// Look asks systemd about the service of a role. Where systemd does not run this host, or does not
// answer, only what lies in its directories is known.
func Look(ctx context.Context, role proto.Role) State {
	return machineOf(role, io.Discard).look(ctx)
}

// Start starts the service of a role, and no longer waits to do so later.
func Start(ctx context.Context, role proto.Role, out io.Writer) error {
	s := machineOf(role, out)
	return s.controlled("start", steps(ctx, s.checkBooted, s.forgetReturn, s.systemctl("start")))
}

// Restart stops the service of a role, if it runs, and starts it.
func Restart(ctx context.Context, role proto.Role, out io.Writer) error {
	s := machineOf(role, out)
	return s.controlled("restart", steps(ctx, s.checkBooted, s.forgetReturn, s.systemctl("restart")))
}

// Stop stops the service of a role until the next boot, or until it is started; with back it is
// started after that time: a timer of systemd does it, whoever is logged in then.
func Stop(ctx context.Context, role proto.Role, back time.Duration, out io.Writer) error {
	s := machineOf(role, out)
	return s.controlled("stop", steps(ctx, s.checkBooted, s.forgetReturn, s.promiseReturn(back), s.systemctl("stop")))
}

// Log returns the command that shows the last lines of the logs of the services of roles.
func Log(roles []proto.Role, lines int, follow bool) []string {
	argv := []string{"journalctl", "--no-pager", "--lines", strconv.Itoa(lines)}
	if follow {
		argv = append(argv, "--follow")
	}
	for _, role := range roles {
		argv = append(argv, "--unit", Name(role))
	}
	return argv
}

// WhyFailed returns the commands that say why the service of a role failed.
func WhyFailed(role proto.Role) string {
	return "systemctl status " + Name(role) + ", and " + WhereItSays(role)
}

// StartCommand returns the command that starts the service of a role.
func StartCommand(role proto.Role) string { return "systemctl start " + Name(role) }

func (s *systemd) checkBooted(context.Context) error { return s.check() }

func machineOf(role proto.Role, out io.Writer) *systemd {
	return &systemd{cfg: Config{Role: role}, host: &host{out: out, run: command}}
}

func (s *systemd) controlled(verb string, err error) error {
	if err == nil {
		return nil
	}
	return explain(verb+" service "+Name(s.cfg.Role), err, "run it as root")
}

// back is the name of the timer, and of its service, that starts the role again.
func (s *systemd) back() string { return Name(s.cfg.Role) + "-back" }

// transient is where systemd keeps units that somebody has made at run time.
const transient = "/run/systemd/transient"

func (s *systemd) backTimer() string { return path.Join(transient, s.back()+".timer") }

// forgetReturn ends the timer that would start the service later.
func (s *systemd) forgetReturn(ctx context.Context) error {
	if !s.host.exists(s.backTimer()) {
		return nil
	}
	return s.try(ctx, "systemctl", "stop", s.back()+".timer")
}

// promiseReturn returns the step that makes that timer; no time, no timer. It is made before the
// service is stopped: what cannot come back is not stopped.
func (s *systemd) promiseReturn(after time.Duration) func(context.Context) error {
	return func(ctx context.Context) error {
		if after <= 0 {
			return nil
		}
		return s.try(ctx, "systemd-run", "--quiet", "--collect", "--unit="+s.back(),
			fmt.Sprintf("--on-active=%ds", int(after.Seconds())), "--timer-property=AccuracySec=1s",
			"--description="+strings.TrimPrefix(again, "Description=")+time.Now().Add(after).UTC().Format(time.RFC3339),
			"systemctl", "start", s.unit())
	}
}

func (s *systemd) systemctl(verb string) func(context.Context) error {
	return func(ctx context.Context) error { return s.try(ctx, "systemctl", verb, s.unit()) }
}

func (s *systemd) try(ctx context.Context, argv ...string) error {
	return s.refused(s.host.do(ctx, argv...))
}

// refused says what to do about a command that failed: only root may, or the service does not.
func (s *systemd) refused(err error) error {
	switch {
	case err == nil:
		return nil
	case os.Geteuid() != 0:
		return advice.With(err, "only root may: repeat the command with sudo")
	}
	return advice.With(err, WhyFailed(s.cfg.Role))
}

// look asks systemctl(1) show, which everybody may.
func (s *systemd) look(ctx context.Context) State {
	known := State{Name: s.unit(), Installed: s.fromPackage() || s.host.exists(s.ownUnit()), Activity: Stopped}
	if !s.host.exists(booted) {
		return known
	}
	ctx, cancel := context.WithTimeout(ctx, askWait)
	defer cancel()
	text, err := s.host.ask(ctx, "systemctl", "show", "--property",
		"LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,NRestarts", s.unit())
	if err != nil {
		return known
	}
	known.read(text)
	known.Back = returnOf(s.host.read(s.backTimer()))
	return known
}

// again is how the description of the timer begins; behind it stands when, as RFC 3339 has it.
const again = "Description=oneping again at "

// returnOf reads when the service is started again out of the text of its timer; zero: never.
func returnOf(timer string) time.Time {
	for line := range strings.Lines(timer) {
		if at, ok := strings.CutPrefix(strings.TrimSpace(line), again); ok {
			if t, err := time.Parse(time.RFC3339, at); err == nil {
				return t
			}
		}
	}
	return time.Time{}
}

// read takes over what systemctl show has printed: lines PROPERTY=VALUE, org.freedesktop.systemd1(5).
func (s *State) read(text string) {
	value := make(map[string]string)
	for line := range strings.Lines(text) {
		name, v, _ := strings.Cut(strings.TrimSpace(line), "=")
		value[name] = v
	}
	s.Installed = value["LoadState"] != "" && value["LoadState"] != "not-found"
	s.AtBoot = strings.HasPrefix(value["UnitFileState"], "enabled") || value["UnitFileState"] == "linked"
	s.Restarts, _ = strconv.Atoi(value["NRestarts"]) // systemd 235 and newer
	switch value["ActiveState"] {
	case "active", "reloading":
		s.Activity = Running
	case "activating":
		s.Activity = Starting
	case "failed":
		s.Activity = Failed
	default: // inactive, deactivating
		s.Activity = Stopped
	}
	if s.Activity == Failed || value["SubState"] == "auto-restart" {
		s.Ended = ended(value["Result"], value["ExecMainCode"], value["ExecMainStatus"])
	}
}

// ended says how a process ended: code is si_code of sigaction(2), status its exit code or signal.
func ended(result, code, status string) string {
	switch code {
	case "1": // CLD_EXITED
		return "exit code " + status
	case "2", "3": // CLD_KILLED, CLD_DUMPED
		return "signal " + status
	}
	return result
}
