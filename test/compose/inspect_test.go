//go:build linux

package compose

import (
	"bytes"
	"debug/buildinfo"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// ids are the identities in listings.
var ids = regexp.MustCompile(`"id": "[^"]+"`)

// byPing is a connector's line about ICMP where it uses ping sockets.
var byPing = regexp.MustCompile(`(?m)^icmp +ping$`)

// networks: laptop and server share none, and none leads out.
func (s *stack) networks(t *testing.T) {
	of := make(map[string][]string)
	for _, service := range []string{"edge", "connector", "server", "laptop"} {
		var c struct {
			NetworkSettings struct{ Networks map[string]any }
		}
		s.inspect(t, service, &c)
		of[service] = slices.Sorted(maps.Keys(c.NetworkSettings.Networks))
	}
	for service, want := range map[string]string{
		"edge": "oneping_internet", "laptop": "oneping_internet", "server": "oneping_private", "connector": "oneping_internet oneping_private",
	} {
		if got := strings.Join(of[service], " "); got != want {
			t.Errorf("%s is in %s, want %s", service, got, want)
		}
	}
	for _, n := range []string{"oneping_internet", "oneping_private"} {
		if out := s.run(t, "docker", "network", "inspect", "-f", "{{.Internal}}", n); out != "true\n" {
			t.Errorf("%s is internal: %s", n, out)
		}
	}
}

// unprivileged asks the engine and the kernel what edge, connector and server may.
func (s *stack) unprivileged(t *testing.T) {
	for _, service := range []string{"edge", "connector", "server", "setup"} {
		var c struct {
			Config     struct{ User string }
			HostConfig struct {
				Privileged, ReadonlyRootfs   bool
				CapAdd, CapDrop, SecurityOpt []string
			}
		}
		s.inspect(t, service, &c)
		h := c.HostConfig
		if c.Config.User != uid+":"+uid || h.Privileged || !h.ReadonlyRootfs || len(h.CapAdd) > 0 || !slices.Equal(h.CapDrop, []string{"ALL"}) ||
			!slices.Contains(h.SecurityOpt, "no-new-privileges:true") {
			t.Errorf("%s: %+v", service, c)
		}
	}
	for _, service := range []string{"edge", "connector"} {
		status := s.run(t, "docker", "run", "--rm", "--network", "none", "--pid", "container:"+s.container(t, service),
			"--entrypoint", "cat", "oneping-laptop", "/proc/1/status")
		for _, want := range []string{
			"Name:\toneping", "Uid:\t65532\t65532\t65532\t65532", "NoNewPrivs:\t1", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000",
			"CapBnd:\t0000000000000000", "CapAmb:\t0000000000000000",
		} {
			if !strings.Contains(status, want+"\n") {
				t.Errorf("%s: no line %q in\n%s", service, want, status)
			}
		}
	}
	if out := s.in(t, "connector", "oneping", "connector", "status"); !byPing.MatchString(out) {
		t.Errorf("the connector sends ICMP by ping sockets:\n%s", out)
	}
}

// tokens are for their owner alone, and no part of an image.
func (s *stack) tokens(t *testing.T) {
	for _, volume := range []string{"connector-token", "laptop-token"} {
		out := s.run(t, "docker", "run", "--rm", "--network", "none", "-v", "oneping_"+volume+":/token:ro", "--entrypoint", "stat", "oneping-laptop",
			"-c", "%a %u %s", "/token", "/token/token")
		if !regexp.MustCompile(`^755 65532 \d+\n600 65532 [1-9]\d+\n$`).MatchString(out) {
			t.Errorf("%s: mode, owner and size of folder and file: %s", volume, out)
		}
	}
	if out, err := s.try(t, "docker", "run", "--rm", "--network", "none", "-v", "oneping_laptop-token:/token:ro", "--user", "1000", "--entrypoint", "cat",
		"oneping-laptop", "/token/token"); err == nil || strings.Contains(out, "op1_") {
		t.Errorf("another user reads the token: %s", out)
	}
}

// capabilities: the connector works with the engine's default set too, as its own user and as root.
// Each one takes the place of the stack's, as another replica of its tunnel.
func (s *stack) capabilities(t *testing.T) {
	s.compose(t, "stop", "connector")
	for _, c := range []struct{ name, user string }{
		{"default capabilities", uid},
		{"default capabilities as root", "0"},
	} {
		t.Run(c.name, func(t *testing.T) {
			id := strings.TrimSpace(s.run(t, "docker", "create", "--user", c.user, "--network", "oneping_internet", "-v", "oneping_connector-token:/run/oneping/token:ro",
				"oneping", "connector", "run", "--token-file", "/run/oneping/token/token"))
			defer s.run(t, "docker", "rm", "-fv", id)
			s.run(t, "docker", "network", "connect", "--ip", connectorAddr, "oneping_private", id)
			s.run(t, "docker", "start", id)
			s.reaches(t)
			if out := s.run(t, "docker", "exec", id, "oneping", "connector", "status"); !byPing.MatchString(out) {
				t.Errorf("no line %q in\n%s", byPing, out)
			}
		})
	}
	s.compose(t, "start", "connector")
	s.reaches(t)
}

// reproduced makes the binary again, outside of a container.
func (s *stack) reproduced(t *testing.T, image string) {
	info, err := buildinfo.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	if info.GoVersion != runtime.Version() { // a base image that was pulled
		t.Logf("not compared: the image's Go is %s, this one's %s", info.GoVersion, runtime.Version())
		return
	}
	own := filepath.Join(t.TempDir(), "oneping")
	s.run(t, "env", "CGO_ENABLED=0", "GOFLAGS=-trimpath -buildvcs=false", "go", "build", "-ldflags", "-X main.version="+version, "-o", own, ".")
	a, errA := os.ReadFile(image)
	b, errB := os.ReadFile(own)
	if errA != nil || errB != nil || !bytes.Equal(a, b) {
		t.Errorf("the image's binary (%d bytes) is not the one that this tree makes (%d bytes): %v, %v", len(a), len(b), errA, errB)
	}
}
