package path_test

import (
	"context"
	"errors"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/quic-go/quic-go/testutils/simnet"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// A reconnect begins with the address that has worked last, and not with the dead one behind which it
// stands in the list; one whose link has not lived makes way for the next.
func TestRedialBeginsWithWhatHasWorked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const dead, live = "1.0.0.9:7844", "1.0.0.1:7844"
		n := &simnet.Simnet{Router: &linktest.Cable{Router: &simnet.PerfectRouter{}, Cut: make(chan struct{})}}
		settings := simnet.NodeBiDiLinkSettings{Latency: 10 * time.Millisecond, Downlink: simnet.LinkSettings{MTU: 1500}, Uplink: simnet.LinkSettings{MTU: 1500}}
		edge := n.NewEndpoint(&net.UDPAddr{IP: net.IPv4(1, 0, 0, 1).To4(), Port: proto.Port}, settings)
		node := n.NewEndpoint(&net.UDPAddr{IP: net.IPv4(1, 0, 0, 2).To4(), Port: 4000}, settings)
		if err := n.Start(); err != nil {
			t.Fatal(err)
		}
		defer func() { _, _, _ = edge.Close(), node.Close(), n.Close() }()
		st, ct := linktest.TLS(t)
		ln, err := path.Listen("", path.Config{TLS: st, Underlay: &linktest.Socket{PacketConn: edge}})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = ln.Close() }()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() {
			for {
				if _, err := ln.Accept(ctx); err != nil {
					return
				}
			}
		}()
		var tried []string
		lives := []time.Duration{10 * time.Second, 10 * time.Second, time.Second, time.Second}
		r := path.Redial{
			Addrs:     func() []string { return []string{dead, live} },
			Config:    path.Config{TLS: ct, Underlay: &linktest.Socket{PacketConn: node}},
			OnAttempt: func(addr string, _ error) { tried = append(tried, addr) },
		}
		_ = r.Run(ctx, func(context.Context, *link.Link) error {
			time.Sleep(lives[0])
			if lives = lives[1:]; len(lives) == 0 {
				cancel()
			}
			return errors.New("the link is gone")
		})
		if want := []string{dead, live, live, live, dead, live}; !slices.Equal(tried, want) {
			t.Errorf("dialled %v, want %v", tried, want)
		}
	})
}
