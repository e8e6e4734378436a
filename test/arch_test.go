package test

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/oneping/oneping"

// layer says who may import whom: a package imports only lower layers and its
// own, and a role never another role.
var layers = map[string]int{"proto": 0, "internal": 1, "client": 2, "connector": 2, "edge": 2, "cmd": 3, "": 4, "test": 4, "scripts": 4}

// floors orders the rooms inside internal: a room imports only rooms of lower floors, and what lies
// below itself (internal/flow/flowtest imports internal/flow).
var floors = map[string]int{
	"advice": 0, "bucket": 0, "echo": 0, "memory": 0, "sock": 0, "table": 0, "term": 0,
	"conf": 1, "local": 1, "obs": 1, "probe": 1,
	"link": 2, "process": 2,
	"flow": 3, "service": 3,
	"hop": 4, "node": 4,
	"lab": 5,
}

// rooms lists the rooms of a role that may import other rooms. All others are
// imported by the role's parent alone. edge/model is plain data, which routes and grants are
// compiled from, the store stores and the administration shows. connector/host is what the
// connector's three rooms are given: one machine, and one way back to the edge;
// connector/check tries what they need.
var rooms = map[string][]string{
	"edge/route":    {"edge/model"},
	"edge/policy":   {"edge/model"},
	"edge/state":    {"edge/model"},
	"edge/relay":    {"edge/model", "edge/route", "edge/policy"},
	"edge/identity": {"edge/model", "edge/state"},
	"edge/admin":    {"edge/model", "edge/state", "edge/policy", "edge/identity"},

	"connector/icmp": {"connector/host"},
	"connector/udp":  {"connector/host"},
	"connector/tcp":  {"connector/host"},

	"connector/host/hosttest": {"connector/host"},
	"connector/check":         {"connector/host", "connector/icmp"},
}

// owners names the rooms that may import a heavy module: anyone else asks them.
var owners = map[string][]string{
	// linktest has links in virtual time; the tool's hostile node keeps to none of the link's rules.
	"github.com/quic-go/quic-go":            {"internal/link/path", "internal/link/linktest", "test/e2e/tool"},
	"gvisor.dev/gvisor":                     {"client/netstack"},
	"golang.zx2c4.com/wireguard/tun":        {"client/tun"},
	"golang.zx2c4.com/wireguard/windows":    {"client/osroute"},
	"github.com/vishvananda/netlink":        {"client/osroute", "internal/lab/holder"},
	"github.com/nats-io":                    {"edge/state"},
	"github.com/gaissmai/bart":              {"edge/route"},
	"github.com/spf13/cobra":                {"cmd"},
	"github.com/prometheus/client_golang":   {"internal/obs"},
	"github.com/kardianos/service":          {"internal/service"},
	"golang.org/x/term":                     {"internal/term"},
	"github.com/creack/pty":                 {"internal/lab", "internal/lab/holder"},
	"text/tabwriter":                        {}, // internal/term aligns columns, by itself
	"github.com/google/go-cmp":              {}, // tests only, as the rest
	"github.com/rogpeppe/go-internal":       {},
	"go.uber.org/goleak":                    {},
	"github.com/quic-go/quic-go/testutils/": {"internal/link/linktest"},
}

type listed struct {
	ImportPath, Dir                    string
	Imports, TestImports, XTestImports []string
}

// room returns a package's path in the module: "" is main.
func room(path string) string {
	return strings.TrimPrefix(strings.TrimPrefix(path, module), "/")
}

// role returns the first element of a room.
func role(room string) string {
	first, _, _ := strings.Cut(room, "/")
	return first
}

func list(t *testing.T, goos string) []listed {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-json=ImportPath,Dir,Imports,TestImports,XTestImports", "./...")
	cmd.Dir = ".."
	cmd.Env = append(os.Environ(), "GOOS="+goos, "GOARCH=amd64", "CGO_ENABLED=0")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatal("go list:", err)
	}
	var all []listed
	for dec := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p listed
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("go list found %d packages", len(all))
	}
	return all
}

func TestDependencyMap(t *testing.T) {
	for _, goos := range []string{"linux", "darwin", "windows"} {
		t.Run(goos, func(t *testing.T) {
			for _, p := range list(t, goos) {
				from := room(p.ImportPath)
				for _, path := range p.Imports {
					if why := forbidden(from, path); why != "" {
						t.Errorf("%s imports %s: %s", p.ImportPath, path, why)
					}
				}
				for _, path := range slices.Concat(p.TestImports, p.XTestImports) {
					if role(room(path)) == role(from) || !isOurs(path) {
						continue // a test may use any module, and other rooms of its role
					}
					if why := forbidden(from, path); why != "" {
						t.Errorf("a test of %s imports %s: %s", p.ImportPath, path, why)
					}
				}
			}
		})
	}
}

func isOurs(path string) bool { return path == module || strings.HasPrefix(path, module+"/") }

// forbidden says why the room from may not import path; "" where it may.
func forbidden(from, path string) string {
	if !isOurs(path) {
		return forbiddenModule(from, path)
	}
	to := room(path)
	a, okA := layers[role(from)]
	b, okB := layers[role(to)]
	switch {
	case !okA || !okB:
		return "a room that the map does not know"
	case b > a:
		return "proto <- internal <- {client | connector | edge} <- cmd <- main, test"
	case a == 2 && b == 2 && role(from) != role(to):
		return "a role never imports another role"
	case a == 2 && b == 2 && from != role(from) && !strings.HasPrefix(to, from+"/") && !slices.Contains(rooms[from], to):
		return "only the parent imports the rooms of a role"
	case role(from) == "internal" && role(to) == "internal":
		return forbiddenFloor(from, to)
	}
	return ""
}

// forbiddenFloor says why a room of internal may not import another one.
func forbiddenFloor(from, to string) string {
	_, from, _ = strings.Cut(from, "/")
	_, to, _ = strings.Cut(to, "/")
	from, _, _ = strings.Cut(from, "/")
	to, _, _ = strings.Cut(to, "/")
	a, okA := floors[from]
	b, okB := floors[to]
	switch {
	case from == to:
		return ""
	case !okA || !okB:
		return "a room of internal that the map does not know"
	case b >= a:
		return "advice, term, table, sock < link < flow < hop, node < lab"
	}
	return ""
}

func forbiddenModule(from, path string) string {
	if role(from) == "proto" && strings.Contains(path, ".") {
		return "proto imports the standard library only"
	}
	if role(from) == "test" {
		return ""
	}
	for prefix, allowed := range owners {
		if path != prefix && !strings.HasPrefix(path, strings.TrimSuffix(prefix, "/")+"/") {
			continue
		}
		if !slices.Contains(allowed, from) {
			return "its owner is " + strings.Join(allowed, ", ") + " (tests only where empty)"
		}
	}
	return ""
}

// TestDecisionsNeedNoStore: who may reach what and where it goes can be decided, tested and
// simulated without the store's server.
func TestDecisionsNeedNoStore(t *testing.T) {
	const nats = "github.com/nats-io"
	for _, p := range []string{"edge/model", "edge/route", "edge/policy", "edge/relay"} {
		cmd := exec.CommandContext(t.Context(), "go", "list", "-deps", module+"/"+p)
		cmd.Dir, cmd.Stderr = "..", os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatal("go list:", err)
		}
		if strings.Contains(string(out), nats) {
			t.Errorf("%s depends on %s", p, nats)
		}
	}
}

// The test of the test: what the map must refuse, it refuses.
func TestForbidden(t *testing.T) {
	for _, c := range []struct {
		from, path string
		want       bool
	}{
		{"proto", "fmt", false},
		{"proto/packet", "golang.org/x/net/icmp", true},
		{"proto", module + "/internal/link", true},
		{"internal/link", module + "/proto", false},
		{"internal/table", module + "/client", true},
		{"internal/flow", module + "/internal/link", false},
		{"internal/link", module + "/internal/flow", true},
		{"internal/flow/flowtest", module + "/internal/flow", false},
		{"internal/link/linktest", module + "/internal/flow", true},
		{"internal/node", module + "/internal/flow", false},
		{"internal/hop", module + "/internal/node", true},
		{"internal/teapot", module + "/internal/link", true},
		{"client", module + "/client/tun", false},
		{"client", module + "/edge", true},
		{"client/tun", module + "/client/osroute", true},
		{"client/tun", module + "/proto/packet", false},
		{"edge/relay", module + "/edge/route", false},
		{"edge/relay", module + "/edge/state", true},
		{"edge/route", module + "/edge/policy", true},
		{"edge/route", module + "/edge/state", true},
		{"edge/route", module + "/edge/model", false},
		{"edge/model", module + "/edge/state", true},
		{"connector/icmp", module + "/connector/udp", true},
		{"", module + "/edge", false},
		{"client", "github.com/quic-go/quic-go", true},
		{"internal/link", "github.com/quic-go/quic-go", true},
		{"internal/link/path", "github.com/quic-go/quic-go/qlog", false},
		{"client", "github.com/quic-go/quic-go-other", false},
		{"edge/state", "github.com/nats-io/nats.go/jetstream", false},
		{"edge", "github.com/nats-io/nats.go", true},
		{"client", "github.com/google/go-cmp/cmp", true},
		{"client", "text/tabwriter", true},
		{"teapot", module + "/proto", true},
	} {
		if got := forbidden(c.from, c.path) != ""; got != c.want {
			t.Errorf("forbidden(%q, %q) = %v, want %v", c.from, c.path, got, c.want)
		}
	}
}
