package cmd

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/client"
	"github.com/oneping/oneping/connector"
	"github.com/oneping/oneping/edge"
	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/service"
	"github.com/oneping/oneping/proto"
)

// TestNotRunningPresence: what is said of a role that nothing listens for, by what there is of it.
func TestNotRunningPresence(t *testing.T) {
	noon := time.Date(2026, 11, 27, 12, 0, 0, 0, time.Local)
	for name, tt := range map[string]struct {
		service  *service.State
		dir      string
		state    condition
		missing  string
		hint     string // begins with
		expected bool
	}{
		"never here":   {nil, "", stateAbsent, "", "", false},
		"was here":     {nil, "/var/lib/oneping/connector", stateStopped, "", "start it: oneping connector run", false},
		"stopped":      {&service.State{AtBoot: true, Activity: service.Stopped}, "", stateStopped, "its service oneping-connector is stopped", "start it: sudo oneping connector up", true},
		"a break":      {&service.State{AtBoot: true, Activity: service.Stopped, Back: noon}, "", stateStopped, "its service oneping-connector is stopped until 2026-11-27 12:00:00", "start it: sudo oneping connector up", true},
		"failed":       {&service.State{AtBoot: true, Activity: service.Failed, Ended: "exit code 2"}, "", stateFailed, "its service oneping-connector failed: exit code 2", service.WhyFailed(proto.RoleConnector), true},
		"keeps ending": {&service.State{AtBoot: true, Activity: service.Starting, Ended: "exit code 1", Restarts: 1}, "", stateFailed, "its service oneping-connector ends again and again: exit code 1", service.WhyFailed(proto.RoleConnector), true},
		"ended once":   {&service.State{AtBoot: true, Activity: service.Starting, Ended: "signal 9"}, "", stateStarting, "its service oneping-connector ended (signal 9) and is being started again", "repeat in a moment; " + service.WhereItSays(proto.RoleConnector), true},
		"starting":     {&service.State{AtBoot: true, Activity: service.Starting}, "", stateStarting, "its service oneping-connector is starting", "repeat in a moment; ", true},
		"no socket":    {&service.State{AtBoot: true, Activity: service.Running}, "", stateStarting, "its service oneping-connector is starting", "repeat in a moment; ", true},
	} {
		p := presence{Role: proto.RoleConnector, State: stateAbsent, Service: tt.service, StateDir: tt.dir}
		p.notRunning()
		if p.State != tt.state || p.Missing != tt.missing || !strings.HasPrefix(p.Hint, tt.hint) || p.expected() != tt.expected {
			t.Errorf("%s: %+v, expected %v", name, p, p.expected())
		}
	}
}

func TestKilledClient(t *testing.T) {
	left := []netip.Prefix{netip.MustParsePrefix("172.16.0.0/12"), netip.MustParsePrefix("172.68.101.57/32")}
	const text = "it was killed, and what it captured is unreachable now: 172.16.0.0/12, 172.68.101.57/32"
	for name, tt := range map[string]struct {
		before        presence
		state         condition
		missing, hint string
	}{
		"by hand": {
			presence{State: stateStopped, Hint: "start it"},
			stateKilled, text,
			"to have it back: oneping client up; to give this machine back what it was: oneping client repair",
		},
		"without a state directory": {
			presence{State: stateAbsent},
			stateKilled, text,
			"to have it back: oneping client up; to give this machine back what it was: oneping client repair",
		},
		"its service": {
			presence{State: stateStopped, Service: &service.State{}, Missing: "its service is stopped"},
			stateKilled, text,
			"to have it back: " + service.StartCommand(proto.RoleClient) + "; to give this machine back what it was: oneping client repair",
		},
		"its service starts": {
			presence{State: stateStarting, Service: &service.State{}, Missing: "it is starting", Hint: "wait"},
			stateStarting, "it is starting; what it captured is unreachable until then: 172.16.0.0/12, 172.68.101.57/32", "wait",
		},
		"its service failed": {
			presence{State: stateFailed, Service: &service.State{}, Missing: "it failed", Hint: "look"},
			stateFailed, "it failed; " + text,
			"look; oneping client repair gives this machine back what it was",
		},
	} {
		p := tt.before
		p.Role = proto.RoleClient
		p.leaves(left)
		if p.State != tt.state || p.Missing != tt.missing || p.Hint != tt.hint || !p.expected() || len(p.Unreachable) != 2 {
			t.Errorf("%s: %+v", name, p)
		}
	}
	p := presence{Role: proto.RoleClient, State: stateStopped}
	if p.leaves(nil); p.State != stateStopped || p.Unreachable != nil {
		t.Errorf("a client that left nothing: %+v", p)
	}
}

func TestAllReady(t *testing.T) {
	up := presence{Role: proto.RoleEdge, State: stateReady}
	old := presence{Role: proto.RoleConnector, State: stateStopped}
	down := presence{Role: proto.RoleClient, State: stateNotReady, Missing: "the client has no link to an edge", Hint: "look at the link"}
	dead := presence{Role: proto.RoleConnector, State: stateFailed, Missing: "its service failed", Hint: "read its log", Service: &service.State{}}
	for name, tt := range map[string]struct {
		list       []presence
		want, hint string
	}{
		"nothing":        {nil, "no role of oneping runs on this machine, and none is a service", howToBegin},
		"an old one":     {[]presence{old}, "no role of oneping runs on this machine, and none is a service", howToBegin},
		"all is well":    {[]presence{up, old}, "", ""},
		"one is missing": {[]presence{up, down}, "client: the client has no link to an edge", "look at the link"},
		"two are":        {[]presence{dead, up, down}, "connector: its service failed; client: the client has no link to an edge", "read its log"},
	} {
		err := allReady(tt.list)
		got := ""
		if err != nil {
			got = err.Error()
		}
		if got != tt.want || advice.Of(err) != tt.hint {
			t.Errorf("%s: %q, hint %q", name, got, advice.Of(err))
		}
	}
}

func TestWritePresences(t *testing.T) {
	now := time.Date(2026, 11, 27, 12, 0, 0, 0, time.Local)
	remote := netip.MustParseAddrPort("192.0.2.1:7844")
	list := []presence{
		{Role: proto.RoleEdge, State: stateReady, Service: &service.State{AtBoot: true, Activity: service.Running}, Status: &edge.Status{
			Devices: make([]edge.NodeStatus, 2), Tunnels: []edge.TunnelStatus{{Connectors: make([]edge.NodeStatus, 1)}},
		}},
		{
			Role: proto.RoleConnector, State: stateNotReady, Process: "process 17 (oneping connector run)", Missing: "no link", Hint: "look there",
			Status: &connector.Status{Since: now.Add(-4 * time.Second), Edges: []string{"192.0.2.1:7844"}},
		},
		{Role: proto.RoleClient, State: stateReady, Service: &service.State{Activity: service.Running}, Status: &client.Status{
			Since: now.Add(-3 * time.Minute), Up: true, Link: &link.Info{Remote: remote},
		}},
	}
	want := `ROLE       STATE      RUNS AS                        LINK
edge       ready      service, running               2 devices, 1 connector
connector  not ready  process 17                     down for 4s; it tries 192.0.2.1:7844
client     ready      service, running, not at boot  up for 3m0s to 192.0.2.1:7844

connector: no link
hint: look there
`
	var b strings.Builder
	if err := writePresences(&b, list, now); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
	for words, s := range map[string]service.State{
		"service, failed (exit code 2)":   {AtBoot: true, Activity: service.Failed, Ended: "exit code 2"},
		"service, stopped until 12:10:00": {AtBoot: true, Activity: service.Stopped, Back: now.Add(10 * time.Minute)},
		"service, stopped, not at boot":   {Activity: service.Stopped},
	} {
		if got := serviceWords(&s); got != words {
			t.Errorf("%q, want %q", got, words)
		}
	}
}

// TestOfService: a directory of a service is known by where it is, and by what leads there.
func TestOfService(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(dir, "link")
	if err := os.Symlink("../private/oneping/client", link); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{
		"/var/lib/private/oneping/client": true, link: true, dir: false, filepath.Join(dir, "none"): false, "": false,
	} {
		if got := ofService(path); got != want {
			t.Errorf("%s: %v", path, got)
		}
	}
	p := presence{Role: proto.RoleClient, State: stateAbsent, StateDir: link}
	if p.notRunning(); p.State != stateStopped || p.Hint != serviceAgain(proto.RoleClient) {
		t.Errorf("%+v", p)
	}
}

// TestServiceHas: who starts a role by hand that is a service is sent there, and is not told to take
// its state away from it.
func TestServiceHas(t *testing.T) {
	const (
		runs = "the service oneping-client runs on this machine: oneping client status says how it is; to stop it: sudo oneping client down"
		owns = "it is that of the service oneping-client of this machine: to start that: sudo oneping client up"
	)
	running := service.State{Installed: true, AtBoot: true, Activity: service.Running}
	stopped := service.State{Installed: true, AtBoot: true, Activity: service.Stopped}
	packaged := service.State{Installed: true, Activity: service.Stopped}
	for _, tt := range []struct {
		s     service.State
		state bool
		want  string
	}{
		{running, true, runs},
		{running, false, runs},
		{stopped, true, owns},
		{stopped, false, ""},
		{packaged, true, ""},
	} {
		if got := serviceHas(&tt.s, proto.RoleClient, tt.state); got != tt.want {
			t.Errorf("%+v, about the state %v: %q, want %q", tt.s, tt.state, got, tt.want)
		}
	}
	for cause, want := range map[error]bool{
		process.ErrInUse: true, process.ErrNotOwner: true, syscall.EBUSY: true, syscall.EADDRINUSE: true, syscall.ENOENT: false,
	} {
		if got := isTaken(fmt.Errorf("start client: %w", cause)); got != want {
			t.Errorf("%v: %v", cause, got)
		}
	}
}

// TestTakenIsNotEverything: only what is taken is explained by the service that may have it.
func TestTakenIsNotEverything(t *testing.T) {
	other := errors.New("no such file")
	if err := besideService(t.Context(), other, proto.RoleClient); err != other {
		t.Errorf("%v", err)
	}
}

func TestComesBack(t *testing.T) {
	for want, s := range map[string]service.State{
		"it comes back with the next boot, or now: oneping client up": {AtBoot: true},
		"it comes back with: oneping client up":                       {},
	} {
		if got := comesBack(&s, proto.RoleClient, 0); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := comesBack(&service.State{}, proto.RoleClient, time.Minute); !strings.HasPrefix(got, "it comes back at ") || !strings.HasSuffix(got, "; sooner: oneping client up") {
		t.Errorf("%q", got)
	}
}

func TestShortened(t *testing.T) {
	if got := shortened("process 7 (oneping client run)"); got != "process 7 (oneping client run)" {
		t.Error(got)
	}
	if got := shortened("process 7 (oneping " + strings.Repeat("é", 90) + ")"); len([]rune(got)) != 62 || !strings.HasSuffix(got, "…)") {
		t.Error(got)
	}
}
