package link_test

import (
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// TestAFullLinkGoesOnInAnotherNetwork: a node sends as much as it can when its host has no network
// for two seconds, and then another one. What it sends has filled its window there before the
// peer's question whether it is there comes back.
func TestAFullLinkGoesOnInAnotherNetwork(t *testing.T) {
	for _, latency := range []time.Duration{30, 100, 300} {
		for name, via := range map[string]uint32{"none": 0, "one that leads nowhere": linktest.Nowhere} {
			t.Run(fmt.Sprintf("%d ms, by %s", latency, name), func(t *testing.T) {
				linktest.SimulatedRoaming(t, latency*time.Millisecond,
					func(t *testing.T, server, client *link.Link, host *linktest.Roamer) {
						roam(t, server, client, host, via)
					})
			})
		}
	}
}

func roam(t *testing.T, server, client *link.Link, host *linktest.Roamer, via uint32) {
	var heard atomic.Int64 // packets
	listen := link.Handler{Datagram: func(*link.Link, []byte) packet.Reason {
		heard.Add(1)
		return packet.OK
	}}
	stop := linktest.Both(t, server, client, listen, link.Handler{})
	talked := make(chan struct{})
	go func() {
		defer close(talked)
		talk(client)
	}()
	time.Sleep(5 * time.Second)
	host.Network.Store(via)
	client.NetworkChanged(t.Context())
	time.Sleep(2 * time.Second)
	host.Network.Store(2)
	client.NetworkChanged(t.Context())
	time.Sleep(4 * time.Second)
	before := heard.Load()
	time.Sleep(4 * time.Second)
	if n := heard.Load() - before; n < 1000 || ended(client) {
		t.Errorf("4 s later %d packets in as long; the link has ended: %v", n, ended(client))
	}
	stop()
	<-talked
}

// talk sends 2 MB/s until the link has ended.
func talk(l *link.Link) {
	d := make([]byte, 1000)
	d[0] = byte(proto.TypePacket)
	for !ended(l) {
		l.Send(link.Bulk, d)
		time.Sleep(500 * time.Microsecond)
	}
}

// ended says whether the link has.
func ended(l *link.Link) bool {
	select {
	case <-l.Done():
		return true
	default:
		return false
	}
}
