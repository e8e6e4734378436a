//go:build linux

package main

import (
	"context"
	"flag"
	"fmt"
	"net/netip"

	"github.com/oneping/oneping/edge/admin"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// runRoutes adds routes one by one by the edge's local socket, as fast as it takes them: a command
// for each would spend its time on starting processes.
func runRoutes(ctx context.Context, flags *flag.FlagSet, args []string) error {
	n := flags.Int("n", 1000, "routes, each a /24 of 10.0.0.0/8")
	args, err := parse(flags, args, 1)
	if err != nil {
		return err
	}
	edge := admin.NewClient(process.FindSocket(proto.RoleEdge, ""))
	for i := range *n {
		p := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 0}), 24)
		if _, err := edge.AddRoute(ctx, p.String(), args[0], false); err != nil {
			return fmt.Errorf("add route %d: %w", i, err)
		}
	}
	fmt.Println(*n, "routes added")
	return nil
}
