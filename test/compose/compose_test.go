//go:build linux

package compose

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oneping/oneping/test/program"
)

// TestCompose runs the stack as docs/containers.md says. Its parts build on each other.
func TestCompose(t *testing.T) {
	if os.Getuid() != 0 {
		program.LeaveOut(t, "a container engine of the test's own needs root")
	}
	// Debian's client is as old as its engine; another one that stands before it in PATH is not.
	t.Setenv("PATH", "/usr/bin:"+os.Getenv("PATH")+":/usr/sbin:/sbin")
	program.Needs(t, "dockerd", "docker", "debootstrap")
	runtime.LockOSThread() // Pdeathsig is about the thread that started the engine
	before := lookAtHost(t)
	data := lockCache(t)
	if !t.Run("build", func(t *testing.T) { build(t, data) }) {
		return
	}
	t.Run("stack", func(t *testing.T) {
		e, err := startEngine(t, data, true)
		if err != nil {
			t.Fatal(err)
		}
		newStack(e).all(t)
	})
	t.Run("the host is as it was", func(t *testing.T) { lookAtHost(t).wantSame(t, before) })
}

// build makes the images on an engine that uses this machine's network as it is.
func build(t *testing.T, data string) {
	e, err := startEngine(t, data, false)
	if err != nil && exists(data) { // what a crash has left there does not come up again
		t.Logf("making all images anew: %v", err)
		if e, err = restartEmpty(t, data); err != nil {
			program.LeaveOut(t, "no container engine starts here: "+err.Error())
		}
	}
	s := newStack(e)
	t.Run("base images", func(t *testing.T) { s.run(t, "scripts/images.sh") })
	for _, target := range []string{"server", "laptop", "setup", "oneping"} {
		t.Run(target, func(t *testing.T) {
			s.run(t, "docker", "build", "-q", "--network", "host", "--build-arg", "VERSION="+version, "--target", target, ".")
		})
	}
}

// restartEmpty starts an engine without the images of before.
func restartEmpty(t *testing.T, data string) (*engine, error) {
	t.Helper()
	wipe(t, data)
	return startEngine(t, data, false)
}

// all is the life of the stack.
func (s *stack) all(t *testing.T) {
	s.clear(t) // what an aborted run has left in the cache
	if !t.Run("up", func(t *testing.T) { s.compose(t, typed(t)[0]...) }) {
		t.Log(s.try(t, "docker", "ps", "-a"))
		t.Log(s.try(t, append(s.argv, "logs", "--tail", "20")...))
		return
	}
	for _, part := range []struct {
		name string
		test func(*stack, *testing.T)
	}{
		{"three hops at once", (*stack).firstTrace},
		{"ping", (*stack).ping},
		{"HTTP", (*stack).http},
		{"DNS", (*stack).dns},
		{"IPv6", (*stack).ipv6},
		{"denied", (*stack).denied},
		{"networks", (*stack).networks},
		{"unprivileged", (*stack).unprivileged},
		{"tokens", (*stack).tokens},
		{"image", (*stack).image},
		{"connector stopped and started", (*stack).stopped},
		{"restarts", (*stack).restarts},
		{"capabilities of the connector", (*stack).capabilities},
		{"down", (*stack).down},
	} {
		if !t.Run(part.name, func(t *testing.T) { part.test(s, t) }) {
			t.Log(s.try(t, append(s.argv, "logs", "--tail", "20")...))
		}
	}
}

// clear removes containers, networks and volumes, not images.
func (s *stack) clear(t *testing.T) {
	for _, c := range []string{
		"docker ps -aq | xargs -r docker rm -fv", "docker network prune -f",
		"docker volume ls -q | xargs -r docker volume rm -f",
	} {
		s.run(t, "sh", "-c", c)
	}
}

// firstTrace is the page's: right after "up", and the names are there.
func (s *stack) firstTrace(t *testing.T) {
	out := s.compose(t, slices.Insert(typed(t)[1], 1, "-T")...) // there is no terminal here
	if hops(out) != threeHops {
		t.Errorf("want %s\n%s", threeHops, out)
	}
	for _, name := range []string{"edge (" + hop + ")", "connector (" + connectorAddr + ")", "server (" + serverAddr + ")"} {
		if !strings.Contains(out, name) {
			t.Errorf("no %s in\n%s", name, out)
		}
	}
}

func (s *stack) ping(t *testing.T) {
	out := s.in(t, "laptop", "ping", "-c", "3", "-i", "0.2", serverAddr)
	if !strings.Contains(out, " 3 received") || strings.Count(out, "ttl=62 ") != 3 {
		t.Errorf("want 3 replies with TTL 62\n%s", out)
	}
}

func (s *stack) http(t *testing.T) {
	page, err := os.ReadFile("../../deploy/compose/index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, url := range []string{"http://" + serverAddr + "/", "http://server/"} {
		if out := s.in(t, "laptop", "curl", "-sS", "-m", "10", url); out != string(page) {
			t.Errorf("curl %s: %q", url, out)
		}
	}
}

func (s *stack) dns(t *testing.T) {
	for _, flag := range []string{"+notcp", "+tcp"} {
		out := s.in(t, "laptop", "dig", "@"+serverAddr, "+short", "+time=5", flag, "server.office.example")
		if strings.TrimSpace(out) != serverAddr {
			t.Errorf("dig %s: %q", flag, out)
		}
	}
	out := s.in(t, "laptop", "dig", "@"+serverAddr, "+time=5", "nobody.office.example")
	if !strings.Contains(out, "status: NXDOMAIN") {
		t.Error(out)
	}
}

func (s *stack) ipv6(t *testing.T) {
	const want = "fd6f:6e65:7069:101::57, fd6f:6e65:7069:10::100, fd6f:6e65:7069:10::120"
	if out := s.in(t, "laptop", "traceroute", "-6", "-I", "-n", "fd6f:6e65:7069:10::120"); hops(out) != want {
		t.Errorf("want %s\n%s", want, out)
	}
}

func (s *stack) denied(t *testing.T) {
	out := s.in(t, "laptop", "traceroute", "-U", "-p", "123", "-n", serverAddr)
	if want := hop + ", " + hop + " !X"; hops(out) != want {
		t.Errorf("want %s\n%s", want, out)
	}
	if out := s.in(t, "laptop", "oneping", "client", "status", "--denials"); !strings.Contains(out, serverAddr+":123") {
		t.Error(out)
	}
}

// stopped is the acceptance's: hop 1, then !H; and three hops again.
func (s *stack) stopped(t *testing.T) {
	s.compose(t, "stop", "connector")
	out := s.laptop(t, "traceroute", "-I", "-n", serverAddr)
	if want := hop + ", " + hop + " !H"; hops(out) != want {
		t.Errorf("want %s\n%s", want, out)
	}
	s.compose(t, "start", "connector")
	s.reaches(t)
}

// down leaves nothing.
func (s *stack) down(t *testing.T) {
	s.compose(t, "down", "-v")
	for _, c := range []string{"docker ps -aq", "docker volume ls -q", "docker network ls -q --filter type=custom"} {
		if out := s.run(t, "sh", "-c", c); out != "" {
			t.Errorf("%s: %s", c, out)
		}
	}
}

// restarts kills and restarts everything: nobody enrols again.
func (s *stack) restarts(t *testing.T) {
	who := func() string {
		out := s.in(t, "edge", "oneping", "device", "list", "--json") + s.in(t, "edge", "oneping", "tunnel", "list", "--json")
		return strings.Join(ids.FindAllString(out, -1), "\n")
	}
	was := who()
	for _, step := range [][]string{{"kill", "edge"}, {"start", "edge"}, {"restart", "connector"}, {"restart", "laptop"}, {"kill", "laptop"}, {"start", "laptop"}} {
		s.compose(t, step...)
		if step[0] != "kill" {
			s.reaches(t)
		}
	}
	s.compose(t, "up", "-d")
	s.reaches(t)
	if is := who(); is != was || strings.Count(was, "\n") < 2 {
		t.Errorf("devices, tunnel and connectors were\n%s\nand are\n%s", was, is)
	}
	program.Retry(t, "healthy", time.Minute, func() error {
		out := s.run(t, "docker", "ps", "--format", "{{.Names}} {{.Status}}")
		if strings.Count(out, "(healthy)") == 4 {
			return nil
		}
		return errors.New(out)
	})
}

// image is the binary and the certificates, and the binary is the one that this tree makes with this Go.
func (s *stack) image(t *testing.T) {
	if out := s.run(t, "docker", "run", "--rm", "--network", "none", "oneping", "version"); out != "oneping "+version+"\n" {
		t.Errorf("version: %q", out)
	}
	dir := t.TempDir()
	s.run(t, "sh", "-c", "id=$(docker create oneping) && docker export $id | tar -x -C "+dir+" && docker rm $id")
	var files []string
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		name := strings.TrimPrefix(path, dir)
		if info, e := d.Info(); err == nil && e == nil && info.Mode().IsRegular() && info.Size() > 0 && !strings.HasPrefix(name, "/dev/") {
			files = append(files, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(files, " "); got != "/etc/ssl/certs/ca-certificates.crt /usr/local/bin/oneping "+
		"/usr/share/doc/oneping/LICENSE /usr/share/doc/oneping/third-party-licenses" {
		t.Errorf("files: %s", got)
	}
	s.reproduced(t, filepath.Join(dir, "usr/local/bin/oneping"))
}
