package sim

import (
	"context"
	"maps"
	"sync"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// junk is four packets: one ends in the link, the others with whoever handles them.
func junk() (packets [][]byte, tally map[string]uint64) {
	return [][]byte{
		{byte(proto.TypeBatch), 1},     // no batch
		{byte(proto.TypePacket), 0x45}, // no packet
		{200},                          // of no known type
		append([]byte{201}, make([]byte, 5000)...), // the same on the oversize stream
	}, map[string]uint64{"malformed": 2, "unknown type": 2}
}

// sendJunk sends it, one packet at a time.
func sendJunk(l *link.Link) {
	packets, _ := junk()
	for _, d := range packets {
		l.Send(link.Urgent, d)
		time.Sleep(100 * time.Millisecond)
	}
}

// grown returns what has been added to a tally.
func grown(before, after map[string]uint64) map[string]uint64 {
	more := make(map[string]uint64)
	for reason, n := range after {
		if n != before[reason] {
			more[reason] = n - before[reason]
		}
	}
	return more
}

// wantJunk checks that a role has counted each packet of junk once, and knows by which link it
// came.
func wantJunk(t *testing.T, who string, got, ofLink map[string]uint64) {
	t.Helper()
	_, want := junk()
	if !maps.Equal(got, want) {
		t.Errorf("%s counted %v, want %v", who, got, want)
	}
	if !maps.Equal(ofLink, want) {
		t.Errorf("%s: the link counted %v, want %v", who, ofLink, want)
	}
}

func TestTheEdgeCountsAPacketOnce(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.client.stop()
		node, err := path.Dial(w.t.Context(), edgeSocket, path.Config{
			TLS: w.ca.tls(w.t, proto.Identity{Role: proto.RoleClient, ID: "d"}), Underlay: w.sockets[clientSocket],
		})
		if err != nil {
			w.t.Fatal(err)
		}
		ctx, stop := context.WithCancel(w.t.Context())
		done := make(chan error)
		go func() { done <- node.Run(ctx, link.Handler{}) }()
		if err := node.SendControl(&proto.Control{Hello: &proto.Hello{}}); err != nil {
			w.t.Fatal(err)
		}
		time.Sleep(time.Second)
		before := w.relay.Counters().Snapshot()
		sendJunk(node)
		time.Sleep(time.Second)
		l, _ := w.accepted.Load("d")
		wantJunk(w.t, "the edge", grown(before, w.relay.Counters().Snapshot()), l.(*link.Link).Info().Reasons)
		stop()
		<-done
	})
}

func TestANodeCountsAPacketOnce(t *testing.T) {
	inWorld(t, time.Second, func(w *world) {
		w.edge.stop()
		edge := w.startBareEdge()
		defer edge.stop()
		time.Sleep(10 * time.Second) // both are back
		client, connector := w.laptopRun.Load().Status(), w.far.Load().Status()
		for _, id := range []string{"d", "r"} {
			l, _ := w.accepted.Load(id)
			sendJunk(l.(*link.Link))
		}
		time.Sleep(time.Second)
		now := w.laptopRun.Load().Status()
		wantJunk(w.t, "the client", grown(client.Reasons, now.Reasons), now.Link.Reasons)
		far := w.far.Load().Status()
		wantJunk(w.t, "the connector", grown(connector.Reasons, far.Reasons), far.Link.Reasons)
	})
}

// startBareEdge starts an edge that welcomes everybody and has no relay.
func (w *world) startBareEdge() *role {
	ln, err := path.Listen(edgeSocket, path.Config{
		TLS: w.ca.tls(w.t, proto.Identity{Role: proto.RoleEdge, ID: "e"}), Underlay: w.sockets[edgeSocket],
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return start(func(ctx context.Context) error {
		var wg sync.WaitGroup
		defer wg.Wait()
		defer func() { _ = ln.Close() }()
		for {
			l, err := ln.Accept(ctx)
			if err != nil {
				return err
			}
			id, err := w.identify(l)
			if err != nil {
				return err
			}
			wg.Go(func() { _ = l.Run(ctx, link.Handler{Control: w.sayWelcome(id)}) })
		}
	}, nil)
}

// sayWelcome answers a hello.
func (w *world) sayWelcome(id proto.Identity) func(*link.Link, proto.Control) error {
	return func(l *link.Link, m proto.Control) error {
		if m.Hello == nil {
			return nil
		}
		welcome, err := w.welcome(id)
		if err != nil {
			return err
		}
		return l.SendControl(&proto.Control{Welcome: &welcome})
	}
}
