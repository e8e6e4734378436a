package link_test

import (
	"errors"
	"testing"

	"go.uber.org/goleak"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestControlReachesTheOtherSideInOrder(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	got := make(chan string, 10)
	linktest.Run(t, server, link.Handler{Control: func(l *link.Link, m proto.Control) error {
		got <- m.Hello.Hostname
		return l.SendControl(&proto.Control{Welcome: &proto.Welcome{Edge: "e"}})
	}})
	welcome := make(chan proto.Control, 10)
	linktest.Run(t, client, link.Handler{Control: func(_ *link.Link, m proto.Control) error {
		welcome <- m
		return nil
	}})
	for _, name := range []string{"a", "b"} {
		if err := client.SendControl(&proto.Control{Hello: &proto.Hello{Hostname: name}}); err != nil {
			t.Fatal(err)
		}
	}
	if a, b := <-got, <-got; a != "a" || b != "b" {
		t.Fatalf("got %q, %q", a, b)
	}
	if m := <-welcome; m.Welcome == nil || m.Welcome.Edge != "e" {
		t.Fatalf("got %+v", m)
	}
}

func TestCloseTellsThePeerWhy(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	s, c := linktest.Run(t, server, link.Handler{}), linktest.Run(t, client, link.Handler{})
	if err := s.Close(proto.CodeRevoked, "device lost"); err != nil {
		t.Fatal(err)
	}
	got, ok := errors.AsType[*link.CloseError](c.Wait(t))
	if want := (link.CloseError{Code: proto.CodeRevoked, Text: "device lost", Remote: true}); !ok || *got != want {
		t.Fatalf("got %+v, want %+v", got, want)
	}
	if got, ok := errors.AsType[*link.CloseError](s.Wait(t)); !ok || got.Code != proto.CodeRevoked || got.Remote {
		t.Fatalf("got %+v", got)
	}
}
