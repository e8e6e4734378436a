package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/flow/flowtest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

// openTo opens a flow to a peer that the test plays, which reads frames up to newest. It returns the
// flow, the application's end of it, and the peer's stream.
func openTo(t *testing.T, newest proto.FrameType, credit uint64) (*flow.Flow, *flowtest.End, *link.Stream) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	accepted, done := make(chan *link.Stream, 1), make(chan struct{})
	linktest.Run(t, server, link.Handler{Flow: func(_ context.Context, _ *link.Link, s *link.Stream, _ proto.FlowHeader) {
		answer := proto.AppendFlowAnswer(nil, &proto.FlowAnswer{Kind: proto.AnswerConnected, Newest: newest})
		if _, err := s.Write(append(answer, frame(proto.FrameLimit, credit, "")...)); err != nil {
			t.Error(err)
		}
		accepted <- s
		<-done
	}})
	t.Cleanup(func() { close(done) })
	linktest.Run(t, client, link.Handler{})
	s, err := client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	f := flow.New(s, header(), nil)
	if _, err := f.Await(t.Context()); err != nil {
		t.Fatal(err)
	}
	peer := <-accepted
	if h, _ := next(t, peer); h.Type != proto.FrameLimit {
		t.Fatalf("first %+v", h)
	}
	ended := make(chan error, 1)
	app := flowtest.Attach(t.Context(), f, ended)
	t.Cleanup(func() { f.Reset(proto.CodeAborted); <-ended })
	return f, app, peer
}

// The traffic class of the application's segments goes before the bytes that have it, once; a
// keep-alive that it sends is told at once. A peer that does not know these frames gets none.
func TestWishesAreTold(t *testing.T) {
	for _, newest := range []proto.FrameType{0, proto.FrameClass, proto.FrameAlive} {
		f, app, peer := openTo(t, newest, 100)
		say := func(text string, before ...proto.FlowFrame) {
			t.Helper()
			if _, err := app.Write([]byte(text)); err != nil {
				t.Fatal(err)
			}
			for _, want := range append(before, proto.FlowFrame{Type: proto.FrameData, Value: uint64(len(text))}) {
				if got, _ := next(t, peer); got != want {
					t.Errorf("a peer that reads up to %d: %+v, want %+v", newest, got, want)
				}
			}
		}
		class := func(n uint64) []proto.FlowFrame {
			if newest < proto.FrameClass {
				return nil
			}
			return []proto.FlowFrame{{Type: proto.FrameClass, Value: n}}
		}
		say("a")
		f.SetClass(0xb8)
		say("b", class(0xb8)...)
		f.SetClass(0xb8)
		say("c")
		f.SetClass(0)
		f.SetClass(0x10)
		say("d", class(0x10)...)
		f.AskAlive(flow.AliveSeconds(90 * time.Second))
		f.AskAlive(flow.AliveSeconds(100 * time.Hour))
		if newest >= proto.FrameAlive {
			for _, seconds := range []uint64{90, 1<<16 - 1} {
				if got, _ := next(t, peer); got != (proto.FlowFrame{Type: proto.FrameAlive, Value: seconds}) {
					t.Errorf("%+v, want a keep-alive after %d s", got, seconds)
				}
			}
		}
		say("e")
	}
}

// A window probe looks like a keep-alive, and is none: the connection waits for credit.
func TestNoKeepAliveOfABlockedFlow(t *testing.T) {
	f, app, peer := openTo(t, proto.FrameAlive, 1)
	if _, err := app.Write([]byte("ab")); err != nil {
		t.Fatal(err)
	}
	for _, want := range []proto.FrameType{proto.FrameData, proto.FrameBlocked} {
		if got, _ := next(t, peer); got.Type != want {
			t.Fatalf("%+v, want type %d", got, want)
		}
	}
	f.AskAlive(flow.AliveSeconds(time.Minute))
	write(t, peer, frame(proto.FrameLimit, 2, ""))
	if got, _ := next(t, peer); got.Type != proto.FrameData {
		t.Errorf("%+v, want the byte that waited", got)
	}
}

// adjusted is an end that notes what is wished of it.
type adjusted struct {
	*flowtest.End
	class chan uint8
	idle  chan time.Duration
}

func (a adjusted) SetClass(class uint8)         { a.class <- class }
func (a adjusted) KeepAlive(idle time.Duration) { a.idle <- idle }

// What the peer wishes is done to the connection; one that cannot be adjusted goes on as it is.
func TestWishesAreFollowed(t *testing.T) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	outer, inner := flowtest.Pair()
	end := adjusted{inner, make(chan uint8, 1), make(chan time.Duration, 1)}
	answered := make(chan struct{})
	linktest.Run(t, server, link.Handler{Flow: func(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
		f := flow.New(s, &h, nil)
		if err := f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected}); err != nil {
			t.Error(err)
		}
		close(answered)
		_ = flow.Pump(ctx, f, end)
	}})
	linktest.Run(t, client, link.Handler{})
	s, err := client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	a, err := proto.ReadFlowAnswer(s)
	if err != nil || a.Newest != proto.FrameNewest || a.ICMPType != 0 {
		t.Fatalf("%+v, %v: it does not say what it reads", a, err)
	}
	write(t, s, frame(proto.FrameClass, 0xb8, ""), frame(proto.FrameAlive, 60, ""), frame(proto.FrameData, 1, "x"))
	if class, idle := <-end.class, <-end.idle; class != 0xb8 || idle != time.Minute {
		t.Errorf("class %#x, keep-alives after %v", class, idle)
	}
	if b := make([]byte, 1); first(outer.Read(b)) != 1 || b[0] != 'x' {
		t.Errorf("read %q", b)
	}
	s.Reset(proto.CodeAborted)

	plain, app, pumped := flowPair(t)
	write(t, plain, frame(proto.FrameClass, 0xb8, ""), frame(proto.FrameAlive, 60, ""), frame(proto.FrameData, 1, "x"))
	if b := make([]byte, 1); first(app.Read(b)) != 1 || b[0] != 'x' {
		t.Errorf("read %q", b)
	}
	plain.Reset(proto.CodeAborted)
	<-pumped
}

func first(n int, _ error) int { return n }

func TestAliveSeconds(t *testing.T) {
	for idle, want := range map[time.Duration]uint16{
		0: 1, time.Second - 1: 1, 2*time.Second - 1: 1, 90 * time.Second: 90, 65535 * time.Second: 65535, 100 * time.Hour: 65535,
	} {
		if got := flow.AliveSeconds(idle); got != want {
			t.Errorf("%v: %d s, want %d", idle, got, want)
		}
	}
}
