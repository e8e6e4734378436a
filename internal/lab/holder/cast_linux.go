package holder

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/internal/lab"
)

// cast is the roles of a lab and what starts them.
type cast struct {
	charter  lab.Charter
	network  *network
	spawn    *spawner
	env      []string
	progress func(string)
	roles    map[string]*role
}

// newCast prepares the roles' directories and command lines; nothing starts.
func newCast(ch lab.Charter, n *network, s *spawner, env []string, progress func(string)) (*cast, error) {
	c := &cast{charter: ch, network: n, spawn: s, env: env, progress: progress, roles: map[string]*role{}}
	for _, node := range n.topology.Nodes {
		argv := c.argv(&node)
		if argv == nil {
			continue
		}
		if err := os.MkdirAll(stateDir(&node), 0o755); err != nil {
			return nil, err
		}
		c.roles[node.Name] = newRole(node, n.spaces[node.Name], s, argv, nodeEnv(env, ch.Options.Name, node.Name))
	}
	return c, c.openConnector()
}

// argv is the command line of a node's role, nil for a node without one.
func (c *cast) argv(node *lab.Node) []string {
	dir := stateDir(node)
	switch node.Kind {
	case lab.KindEdge:
		return []string{
			"oneping", "edge", "run", "--state-dir", dir,
			"--listen", fmt.Sprintf("0.0.0.0:%d", lab.EdgePort),
			"--advertise", fmt.Sprintf("%s:%d", lab.EdgeV4, lab.EdgePort),
			"--hop", lab.HopV4, "--hop", lab.HopV6, "--capture", lab.CaptureV4, "--capture", lab.CaptureV6,
			"--unreachable", c.charter.Options.Unreachable,
		}
	case lab.KindConnector:
		shim := []string{"oneping", "lab", "drop"}
		if !c.charter.Rootless {
			shim = append(shim, "--id", fmt.Sprint(lab.ConnectorID))
		}
		if c.charter.Options.Raw {
			shim = append(shim, "--raw")
		}
		return append(shim, "--", filepath.Join(lab.Dir, "bin", "oneping"), "connector", "run", "--token-file", tokenFile(node), "--state-dir", dir)
	case lab.KindLaptop:
		return []string{"oneping", "client", "up", "--token-file", tokenFile(node), "--state-dir", dir}
	}
	return nil
}

// tokenFile lies beside the state, not in it: a role may refuse a directory
// that is not its own.
func tokenFile(n *lab.Node) string { return filepath.Join(lab.Dir, n.Name, "token") }

// openConnector lets an unprivileged connector open ping sockets and write its
// state, and nobody else in its node. One with raw sockets finds ping sockets closed to every
// group, as a new network namespace has them (net.ipv4.ping_group_range "1 0").
func (c *cast) openConnector() error {
	for _, node := range c.network.topology.OfKind(lab.KindConnector) {
		id := lab.ConnectorID
		if c.charter.Rootless {
			id = 0
		}
		if !c.charter.Options.Bare { // there a connector runs as who starts it
			if err := os.Chown(stateDir(node), id, id); err != nil {
				return err
			}
		}
		if c.charter.Options.Raw {
			continue
		}
		if err := c.network.spaces[node.Name].sysctl(map[string]string{
			"ipv4/ping_group_range": fmt.Sprintf("%d %d", id, id),
		}); err != nil {
			return fmt.Errorf("configure %s: %w", node.Name, err)
		}
	}
	return nil
}

// start starts the edge, then everything else at once. It returns when every role is ready.
func (c *cast) start(ctx context.Context) error {
	c.progress("edge")
	for _, edge := range c.network.topology.OfKind(lab.KindEdge) {
		if err := c.roles[edge.Name].start(ctx); err != nil {
			return err
		}
	}
	c.progress("connector, laptop")
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.applyPolicy(ctx) })
	for _, node := range c.network.topology.OfKind(lab.KindConnector) {
		group.Go(func() error { return c.startConnector(ctx, node) })
	}
	for _, node := range c.network.topology.OfKind(lab.KindLaptop) {
		group.Go(func() error { return c.startLaptop(ctx, node) })
	}
	return group.Wait()
}

func (c *cast) applyPolicy(ctx context.Context) error {
	if c.charter.Options.NoPolicy {
		return nil
	}
	text := c.charter.Options.Policy
	if text == "" {
		text = lab.DefaultPolicy(c.charter.Options.Inner())
	}
	path := filepath.Join(lab.Dir, "etc", "policy.yaml")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		return err
	}
	return c.admin(ctx, "", "policy", "apply", "-f", path)
}

func (c *cast) startConnector(ctx context.Context, node *lab.Node) error {
	if err := c.admin(ctx, "", "tunnel", "create", lab.TunnelName); err != nil {
		return err
	}
	group, inner := errgroup.WithContext(ctx)
	for _, prefix := range c.charter.Options.Inner() {
		group.Go(func() error { return c.admin(inner, "", "route", "add", prefix, lab.TunnelName) })
	}
	group.Go(func() error { return c.admin(inner, tokenFile(node), "tunnel", "token", lab.TunnelName) })
	if err := group.Wait(); err != nil {
		return err
	}
	if !c.charter.Rootless {
		if err := os.Chown(tokenFile(node), lab.ConnectorID, lab.ConnectorID); err != nil {
			return err
		}
	}
	return c.roles[node.Name].start(ctx)
}

func (c *cast) startLaptop(ctx context.Context, node *lab.Node) error {
	if err := c.admin(ctx, tokenFile(node), "device", "token", "--user", node.User); err != nil {
		return err
	}
	return c.roles[node.Name].start(ctx)
}

// admin runs this binary as the edge's administrator. Its output goes to the
// file named output, if any; what it says on standard error is in the error.
func (c *cast) admin(ctx context.Context, output string, args ...string) error {
	edge := c.network.topology.OfKind(lab.KindEdge)[0]
	words, err := os.CreateTemp(filepath.Join(lab.Dir, "run"), "admin-*")
	if err != nil {
		return err
	}
	defer os.Remove(words.Name())
	defer words.Close()
	files := [3]*os.File{nil, nil, words}
	if output != "" {
		out, err := os.OpenFile(output, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		defer out.Close()
		files[1] = out
	}
	argv := append([]string{"oneping"}, args...)
	pid, exited, err := c.spawn.start(c.network.spaces[edge.Name], command{
		argv: append(argv, "--state-dir", stateDir(edge)), dir: "/",
		env: nodeEnv(c.env, c.charter.Options.Name, edge.Name), files: files,
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, readyWithin)
	defer cancel()
	stop := context.AfterFunc(ctx, func() { c.spawn.reaper.signal(pid, syscall.SIGKILL, true) })
	defer stop()
	if code := exitCode(<-exited); code != 0 {
		return fmt.Errorf("run %s: exit code %d:\n%s", strings.Join(argv, " "), code, lastLines(readOptional(words.Name()), 12))
	}
	return nil
}
