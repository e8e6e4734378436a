package cmd

import (
	"cmp"
	"context"
	"net/netip"
	"slices"

	"github.com/spf13/cobra"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/lab"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/internal/term"
	"github.com/oneping/oneping/proto"
)

// edgeOf returns the admin API of the edge on this machine, by the flags typed so far.
func edgeOf(c *cobra.Command) *admin.Client {
	dir := ""
	if f := c.Flags().Lookup("state-dir"); f != nil {
		dir = f.Value.String()
	}
	return admin.NewClient(process.FindSocket(proto.RoleEdge, dir))
}

func tunnels(ctx context.Context, c *cobra.Command) []string {
	list, err := edgeOf(c).Tunnels(ctx)
	return described(list, err, func(t admin.Tunnel) (string, string) { return t.Name, term.List(t.Routes) })
}

func devices(ctx context.Context, c *cobra.Command) []string {
	list, err := edgeOf(c).Devices(ctx)
	return described(list, err, func(d admin.Device) (string, string) { return d.ID, d.User + ", " + d.Name })
}

func users(ctx context.Context, c *cobra.Command) []string {
	list, err := edgeOf(c).Devices(ctx)
	all := described(list, err, func(d admin.Device) (string, string) { return d.User, "" })
	slices.Sort(all)
	return slices.Compact(all)
}

func connectors(ctx context.Context, c *cobra.Command) []string {
	list, err := edgeOf(c).Connectors(ctx, "")
	return described(list, err, func(x admin.Connector) (string, string) { return x.ID, x.Tunnel + ", " + x.Hostname })
}

func tokens(ctx context.Context, c *cobra.Command) []string {
	list, err := edgeOf(c).Tokens(ctx, false)
	return described(list, err, func(t admin.IssuedToken) (string, string) { return t.ID, t.Kind + " token of " + t.For() })
}

func routes(ctx context.Context, c *cobra.Command) []string {
	list, err := edgeOf(c).Routes(ctx)
	return described(list, err, func(r admin.Route) (string, string) { return r.Prefix.String(), r.Tunnel })
}

func captured(ctx context.Context, c *cobra.Command) []string {
	list, err := edgeOf(c).Captured(ctx)
	return described(list, err, func(p netip.Prefix) (string, string) { return p.String(), "" })
}

func labs(context.Context, *cobra.Command) []string {
	list, err := lab.List()
	return described(list, err, func(name string) (string, string) { return name, "" })
}

func nodes(_ context.Context, c *cobra.Command) []string {
	name := lab.DefaultName
	if f := c.Flags().Lookup("name"); f != nil {
		name = cmp.Or(f.Value.String(), name)
	}
	s, err := lab.GetStatus(name)
	return described(s.Nodes, err, func(n lab.NodeStatus) (string, string) { return n.Name, string(n.State) })
}

// described makes what a shell shows of each thing: its name and what it is. Where nobody answers,
// there is nothing to offer.
func described[T any](list []T, err error, of func(T) (name, what string)) []string {
	if err != nil {
		return nil
	}
	all := make([]string, 0, len(list))
	for _, x := range list {
		name, what := of(x)
		if what != "" {
			name += "\t" + what
		}
		all = append(all, name)
	}
	return all
}
