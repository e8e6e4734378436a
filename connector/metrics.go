package connector

import (
	"context"
	"fmt"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/oneping/oneping/internal/obs"
	"github.com/oneping/oneping/internal/process"
	"github.com/oneping/oneping/proto"
)

// serveMetrics answers Prometheus at the address that the configuration names, if it names one.
func (c *Connector) serveMetrics(ctx context.Context, g *errgroup.Group) error {
	if c.cfg.Metrics == "" {
		return nil
	}
	ln, err := net.Listen("tcp", c.cfg.Metrics)
	if err != nil {
		return fmt.Errorf("start connector: %w", process.ListenError("tcp", c.cfg.Metrics, "metrics", err))
	}
	const role = string(proto.RoleConnector)
	reg := obs.NewRegistry(role, c.cfg.Version)
	reg.MustRegister(
		obs.NewPackets(role, &c.counters),
		obs.NewGauge(role, "link_up", "1 while an edge has welcomed this node.", func() int {
			if c.Status().Up {
				return 1
			}
			return 0
		}),
		obs.NewGauge(role, "icmp_mappings", "ICMP mappings that live now.", func() int { return c.Status().Mappings }),
		obs.NewGauge(role, "udp_sessions", "UDP sessions that live now.", func() int { return c.Status().Sessions }),
		obs.NewGauge(role, "unanswered_neighbours", "Neighbours that are asked now and have never answered.", func() int { return c.Status().Unanswered }),
		obs.NewGauge(role, "tcp_flows", "TCP flows that are open or being opened now.", func() int { return c.Status().Flows }),
	)
	g.Go(func() error { return obs.ServeMetrics(ctx, ln, reg, c.log) })
	return nil
}
