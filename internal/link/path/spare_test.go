package path_test

import (
	"context"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// TestALinkSurvivesASpareThatIsNotHeard dials through a firewall that lets one
// flow of the node through and no second one: the spare path is never validated,
// and the link must not notice.
func TestALinkSurvivesASpareThatIsNotHeard(t *testing.T) {
	t.Parallel()
	st, ct := linktest.TLS(t)
	ln, err := path.Listen("127.0.0.1:0", path.Config{TLS: st})
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	wire := newNarrowPath(t, ln.Addr())
	wire.onlyFirst.Store(true)
	accepted := make(chan *link.Link, 1)
	go func() {
		l, err := ln.Accept(t.Context())
		if err != nil {
			t.Error(err)
		}
		accepted <- l
	}()
	client, err := path.Dial(t.Context(), wire.addr(), path.Config{TLS: ct})
	if err != nil {
		t.Fatal(err)
	}
	heard := make(chan struct{}, 1)
	linktest.Run(t, <-accepted, link.Handler{Datagram: func(*link.Link, []byte) packet.Reason {
		heard <- struct{}{}
		return packet.OK
	}})
	linktest.Run(t, client, link.Handler{})
	linktest.Eventually(t, "the spare path was asked for", func() bool { return wire.refused.Load() > 0 })
	select {
	case <-client.Done():
		t.Fatal("the link ended with its spare path")
	case <-time.After(5 * time.Second): // the spare path is given 4 s
	}
	if r := client.Send(link.Urgent, []byte{byte(proto.TypePacket), 1}); r != packet.OK {
		t.Fatal(r)
	}
	<-heard
}

// TestANodeTakesMoreStreamsThanOneDeviceMayOpen: an edge opens the flows of all
// devices on one connector's link; those of one must not take it up.
func TestANodeTakesMoreStreamsThanOneDeviceMayOpen(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	defer client.Close(proto.CodeOK, "")
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	for i := range 4096 + 1 {
		if _, err := server.OpenRaw(ctx); err != nil {
			t.Fatalf("stream %d: %v", i, err)
		}
	}
}
