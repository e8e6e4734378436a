package service

import (
	"errors"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/proto"
)

const show = "systemctl show --property LoadState,ActiveState,SubState,UnitFileState,Result,ExecMainCode,ExecMainStatus,NRestarts oneping-client.service"

// TestLook reads what systemctl show prints of a service in each of its states.
func TestLook(t *testing.T) {
	const name = "oneping-client.service"
	for what, tt := range map[string]struct {
		says string
		want State
	}{
		"not there":         {"LoadState=not-found\nActiveState=inactive\nSubState=dead\nUnitFileState=\nResult=success\nExecMainCode=0\nExecMainStatus=0\n", State{Name: name, Activity: Stopped}},
		"from a package":    {"LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=disabled\nResult=success\nExecMainCode=0\nExecMainStatus=0\n", State{Name: name, Installed: true, Activity: Stopped}},
		"runs":              {"LoadState=loaded\nActiveState=active\nSubState=running\nUnitFileState=enabled\nResult=success\nExecMainCode=0\nExecMainStatus=0\n", State{Name: name, Installed: true, AtBoot: true, Activity: Running}},
		"stopped":           {"LoadState=loaded\nActiveState=inactive\nSubState=dead\nUnitFileState=enabled\nResult=success\nExecMainCode=1\nExecMainStatus=0\n", State{Name: name, Installed: true, AtBoot: true, Activity: Stopped}},
		"a wrong file":      {"LoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=enabled\nResult=exit-code\nExecMainCode=1\nExecMainStatus=2\n", State{Name: name, Installed: true, AtBoot: true, Activity: Failed, Ended: "exit code 2"}},
		"again and again":   {"LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nResult=exit-code\nExecMainCode=1\nExecMainStatus=1\nNRestarts=3\n", State{Name: name, Installed: true, AtBoot: true, Activity: Starting, Ended: "exit code 1", Restarts: 3}},
		"killed just now":   {"LoadState=loaded\nActiveState=activating\nSubState=auto-restart\nUnitFileState=enabled\nResult=signal\nExecMainCode=2\nExecMainStatus=9\nNRestarts=0\n", State{Name: name, Installed: true, AtBoot: true, Activity: Starting, Ended: "signal 9"}},
		"killed":            {"LoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=disabled\nResult=signal\nExecMainCode=2\nExecMainStatus=9\n", State{Name: name, Installed: true, Activity: Failed, Ended: "signal 9"}},
		"never got started": {"LoadState=loaded\nActiveState=failed\nSubState=failed\nUnitFileState=enabled-runtime\nResult=resources\nExecMainCode=0\nExecMainStatus=0\n", State{Name: name, Installed: true, AtBoot: true, Activity: Failed, Ended: "resources"}},
		"starting":          {"LoadState=loaded\nActiveState=activating\nSubState=start\nUnitFileState=enabled\nResult=success\nExecMainCode=0\nExecMainStatus=0\n", State{Name: name, Installed: true, AtBoot: true, Activity: Starting}},
		"nothing said":      {"", State{Name: name, Activity: Stopped}},
	} {
		m := newMachine(t, nil)
		m.says = map[string]string{show: tt.says}
		got := m.systemd(Config{Role: proto.RoleClient}).look(t.Context())
		if diff := cmp.Diff(tt.want, got); diff != "" {
			t.Errorf("%s:\n%s", what, diff)
		}
		if chosen := what != "not there" && what != "from a package" && what != "nothing said"; got.Chosen() != chosen {
			t.Errorf("%s: chosen %v", what, got.Chosen())
		}
	}
}

// TestLookWithoutSystemd: in a container, or where systemctl fails, the files are what there is.
func TestLookWithoutSystemd(t *testing.T) {
	for _, unit := range []string{unitDir, ownUnitDir} {
		m := newMachine(t, map[string]string{unit + "/oneping-client.service": ""})
		m.fail = show
		want := State{Name: "oneping-client.service", Installed: true, Activity: Stopped}
		if diff := cmp.Diff(want, m.systemd(Config{Role: proto.RoleClient}).look(t.Context())); diff != "" {
			t.Error(diff)
		}
	}
}

// TestStopForAWhile: the timer that starts the service again is made before the service is stopped,
// is to be seen, and is taken back by whatever else is done with the service.
func TestStopForAWhile(t *testing.T) {
	m := newMachine(t, nil)
	before := time.Now().Truncate(time.Second)
	s := m.systemd(Config{Role: proto.RoleClient})
	if err := steps(t.Context(), s.checkBooted, s.forgetReturn, s.promiseReturn(10*time.Minute), s.systemctl("stop")); err != nil {
		t.Fatal(err)
	}
	if len(m.ran) != 2 || m.ran[1] != "systemctl stop oneping-client.service" ||
		!strings.HasPrefix(m.ran[0], "systemd-run --quiet --collect --unit=oneping-client-back --on-active=600s --timer-property=AccuracySec=1s --description=oneping again at ") ||
		!strings.HasSuffix(m.ran[0], " systemctl start oneping-client.service") {
		t.Errorf("ran %q", m.ran)
	}
	_, rest, _ := strings.Cut(m.ran[0], "--description=")
	description, _, _ := strings.Cut(rest, " systemctl")
	m.put(transient+"/oneping-client-back.timer", "[Unit]\nDescription="+description+"\n[Timer]\nOnActiveSec=10min\n")
	m.says = map[string]string{show: "LoadState=loaded\nActiveState=inactive\nUnitFileState=enabled\n"}
	back := m.systemd(Config{Role: proto.RoleClient}).look(t.Context()).Back
	if back.Before(before.Add(10*time.Minute)) || back.After(time.Now().Add(10*time.Minute)) {
		t.Errorf("back at %v", back)
	}
	s = m.systemd(Config{Role: proto.RoleClient})
	if err := steps(t.Context(), s.checkBooted, s.forgetReturn, s.promiseReturn(0), s.systemctl("stop")); err != nil {
		t.Fatal(err)
	}
	if want := []string{"systemctl stop oneping-client-back.timer", "systemctl stop oneping-client.service"}; !cmp.Equal(want, m.ran) {
		t.Errorf("ran %q", m.ran)
	}
	// What cannot come back is not stopped.
	m = newMachine(t, nil)
	m.failing = "systemd-run"
	s = m.systemd(Config{Role: proto.RoleClient})
	err := steps(t.Context(), s.promiseReturn(time.Minute), s.systemctl("stop"))
	if err == nil || len(m.ran) != 1 {
		t.Errorf("%v, ran %q", err, m.ran)
	}
}

func TestReturnOf(t *testing.T) {
	for text, want := range map[string]time.Time{
		"":                      {},
		"Description=another\n": {},
		"[Unit]\nDescription=oneping again at 2026-11-27T14:05:00Z\n": time.Date(2026, 11, 27, 14, 5, 0, 0, time.UTC),
		"Description=oneping again at noon\n":                         {},
	} {
		if got := returnOf(text); !got.Equal(want) {
			t.Errorf("returnOf(%q) = %v, want %v", text, got, want)
		}
	}
}

// TestRefused: who is not root is told to use sudo, root where the failure is explained.
func TestRefused(t *testing.T) {
	want := "systemctl status oneping-edge, and journalctl -u oneping-edge -n 20"
	if os.Geteuid() != 0 {
		want = "only root may: repeat the command with sudo"
	}
	s := &systemd{cfg: Config{Role: proto.RoleEdge}}
	err := s.controlled("stop", s.refused(errors.New("systemctl stop x: exit status 1: no")))
	if err.Error() != "stop service oneping-edge: systemctl stop x: exit status 1: no" || advice.Of(err) != want {
		t.Errorf("%v, hint %q, want %q", err, advice.Of(err), want)
	}
}

func TestLog(t *testing.T) {
	got := strings.Join(Log([]proto.Role{proto.RoleEdge, proto.RoleClient}, 50, true), " ")
	if want := "journalctl --no-pager --lines 50 --follow --unit oneping-edge --unit oneping-client"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}
