//go:build linux

package compose

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

const (
	project = "oneping" // containers are oneping_edge_1, …
	version = "v0.0.0-compose"

	hop           = "172.68.101.57"
	connectorAddr = "172.16.10.100"
	serverAddr    = "172.16.10.120"
	uid           = "65532"
)

// stack is docker-compose.yml on an engine.
type stack struct {
	e    *engine
	argv []string // docker-compose, or docker compose
}

// newStack returns the stack, not started.
func newStack(e *engine) *stack {
	if _, err := exec.LookPath("docker-compose"); err == nil {
		return &stack{e, []string{"docker-compose"}}
	}
	return &stack{e, []string{"docker", "compose"}}
}

// try runs a command on the engine and returns its output and whether it succeeded.
func (s *stack) try(t *testing.T, argv ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Minute) // a cold build on a busy machine
	defer cancel()
	out, err := s.e.command(ctx, argv...).CombinedOutput()
	return string(out), err
}

// run is try of a command that must succeed.
func (s *stack) run(t *testing.T, argv ...string) string {
	t.Helper()
	out, err := s.try(t, argv...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(argv, " "), err, out)
	}
	return out
}

// compose runs docker-compose.
func (s *stack) compose(t *testing.T, args ...string) string {
	t.Helper()
	return s.run(t, slices.Concat(s.argv, args)...)
}

// in runs a command in the container of a service.
func (s *stack) in(t *testing.T, service string, argv ...string) string {
	t.Helper()
	return s.compose(t, slices.Concat([]string{"exec", "-T", service}, argv)...)
}

// laptop runs a command on the laptop; what its exit code is, is the command's own business.
func (s *stack) laptop(t *testing.T, argv ...string) string {
	t.Helper()
	out, _ := s.try(t, slices.Concat(s.argv, []string{"exec", "-T", "laptop"}, argv)...)
	return out
}

// container returns the container of a service.
func (s *stack) container(t *testing.T, service string) string {
	t.Helper()
	id := strings.TrimSpace(s.compose(t, "ps", "-a", "-q", service))
	if id == "" {
		t.Fatalf("%s has no container", service)
	}
	return id
}

// inspect decodes what the engine knows of a container.
func (s *stack) inspect(t *testing.T, service string, v any) {
	t.Helper()
	out := s.run(t, "docker", "inspect", "-f", "{{json .}}", s.container(t, service))
	if err := json.Unmarshal([]byte(out), v); err != nil {
		t.Fatal(err)
	}
}

// typed returns the page's two commands, without "docker compose".
func typed(t *testing.T) [][]string {
	t.Helper()
	var out [][]string
	for _, b := range program.Page(t, "docs/containers.md") {
		if b.Lang != "sh" || b.Place != "compose" {
			continue
		}
		for line := range strings.Lines(b.Text) {
			args, ok := strings.CutPrefix(strings.TrimSpace(line), "docker compose ")
			if !ok {
				t.Fatalf("docs/containers.md: %q is not a command of docker compose", line)
			}
			out = append(out, strings.Fields(args))
		}
	}
	if len(out) != 2 || out[0][0] != "up" || !strings.HasPrefix(strings.Join(out[1], " "), "exec laptop traceroute -I ") {
		t.Fatalf("docs/containers.md: want up, and traceroute on the laptop: %v", out)
	}
	return out
}

var hopLine = regexp.MustCompile(`(?m)^ *(\d+)  (?:(\S+) \()?([0-9a-f.:]+)\)?  .*$`)

// hops returns the addresses of a traceroute, with the first "!" of each line behind them.
func hops(out string) string {
	var list []string
	for _, m := range hopLine.FindAllStringSubmatch(out, -1) {
		mark := ""
		if i := strings.Index(m[0], "!"); i >= 0 {
			mark = " " + strings.Fields(m[0][i:])[0]
		}
		list = append(list, m[3]+mark)
	}
	return strings.Join(list, ", ")
}

const threeHops = hop + ", " + connectorAddr + ", " + serverAddr

// reaches waits until the way of three hops is there: restarts take a moment.
func (s *stack) reaches(t *testing.T) {
	t.Helper()
	program.Retry(t, "three hops", time.Minute, func() error {
		out := s.laptop(t, "traceroute", "-I", "-n", "-w", "2", "-m", "5", serverAddr)
		if hops(out) == threeHops {
			return nil
		}
		return errors.New(out)
	})
}
