package flow_test

import (
	"context"
	"errors"
	"io"
	"net"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/flow/flowtest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/internal/link/linktest"
	"github.com/oneping/oneping/internal/link/path"
	"github.com/oneping/oneping/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// flowPair returns a stream of the opener, the application's end of the flow
// that the acceptor makes of it, and how its pump ends.
func flowPair(t *testing.T) (*link.Stream, *flowtest.End, <-chan error) {
	server, client := linktest.Connect(t, path.Config{}, path.Config{})
	app, pumped, done := make(chan *flowtest.End, 1), make(chan error, 1), make(chan struct{})
	linktest.Run(t, server, link.Handler{Flow: func(ctx context.Context, _ *link.Link, s *link.Stream, h proto.FlowHeader) {
		f := flow.New(s, &h, nil)
		if err := f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected}); err != nil {
			t.Error(err)
		}
		app <- flowtest.Attach(ctx, f, pumped)
		<-done
	}})
	t.Cleanup(func() { close(done) })
	linktest.Run(t, client, link.Handler{})
	s, err := client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := proto.ReadFlowAnswer(s); err != nil {
		t.Fatal(err)
	}
	return s, <-app, pumped
}

func frame(kind proto.FrameType, value uint64, payload string) []byte {
	b := make([]byte, proto.FrameHeaderSize, proto.FrameHeaderSize+len(payload))
	proto.PutFlowFrame(b, proto.FlowFrame{Type: kind, Value: value})
	return append(b, payload...)
}

// next reads the next frame of s, and its payload.
func next(t *testing.T, s *link.Stream) (proto.FlowFrame, []byte) {
	t.Helper()
	var head [proto.FrameHeaderSize]byte
	if _, err := io.ReadFull(s, head[:]); err != nil {
		t.Fatal(err)
	}
	h, err := proto.ParseFlowFrame(head[:])
	if err != nil {
		t.Fatal(err)
	}
	if h.Type != proto.FrameData {
		return h, nil
	}
	payload := make([]byte, h.Value)
	if _, err := io.ReadFull(s, payload); err != nil {
		t.Fatal(err)
	}
	return h, payload
}

func write(t *testing.T, s *link.Stream, frames ...[]byte) {
	t.Helper()
	for _, b := range frames {
		if _, err := s.Write(b); err != nil {
			t.Fatal(err)
		}
	}
}

const firstWindow = 64 << 10

func TestBrokenFramesEndTheFlowWithAnError(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
		close bool
		want  error
	}{
		{"fin at another offset", append(frame(proto.FrameData, 2, "ab"), frame(proto.FrameFin, 3, "")...), false, proto.ErrMalformed},
		{"unknown frame", []byte{0xff, 0, 0, 0, 0, 0, 0, 0}, false, proto.ErrMalformed},
		{"data beyond the frame's bound", frame(proto.FrameData, proto.MaxFrameData+1, ""), false, proto.ErrMalformed},
		{"data beyond the limit", frame(proto.FrameData, firstWindow+1, ""), false, proto.ErrMalformed},
		{"data behind fin", append(frame(proto.FrameFin, 0, ""), frame(proto.FrameData, 1, "a")...), false, proto.ErrMalformed},
		{"end without fin", frame(proto.FrameData, 2, "ab"), true, io.ErrUnexpectedEOF},
		{"end inside a header", []byte{1, 0, 0}, true, io.ErrUnexpectedEOF},
		{"end inside data", frame(proto.FrameData, 9, "ab"), true, io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, app, pumped := flowPair(t)
			write(t, s, c.bytes)
			if c.close {
				_ = s.CloseWrite()
			}
			if err := <-pumped; !errors.Is(err, c.want) {
				t.Errorf("the pump ends with %v, want %v", err, c.want)
			}
			if _, err := io.ReadAll(app); !errors.Is(err, syscall.ECONNRESET) {
				t.Errorf("the application reads %v, want a reset", err)
			}
			_, err := io.ReadAll(s)
			if code, ok := link.ResetCode(err); !ok || code != proto.CodeProtocol {
				t.Errorf("the peer reads %v", err)
			}
		})
	}
}

func TestFramesCrossInOrder(t *testing.T) {
	s, app, pumped := flowPair(t)
	write(t, s, frame(proto.FrameLimit, 100, ""), frame(proto.FrameData, 0, ""), frame(proto.FrameData, 1, "a"), frame(proto.FrameData, 2, "bc"), frame(proto.FrameFin, 3, ""))
	if b, err := io.ReadAll(app); err != nil || string(b) != "abc" {
		t.Errorf("the application reads %q, %v", b, err)
	}
	_ = app.CloseWrite()
	if h, _ := next(t, s); h != (proto.FlowFrame{Type: proto.FrameLimit, Value: firstWindow}) {
		t.Errorf("first came %+v, want the limit", h)
	}
	if h, _ := next(t, s); h != (proto.FlowFrame{Type: proto.FrameFin}) {
		t.Errorf("then %+v, want the fin", h)
	}
	_ = s.CloseWrite()
	if err := <-pumped; err != nil {
		t.Error(err)
	}
}

func TestAResetFrameSaysWhyBehindTheData(t *testing.T) {
	s, app, pumped := flowPair(t)
	write(t, s, frame(proto.FrameData, 2, "ab"), frame(proto.FrameRst, uint64(proto.CodeDenied), ""))
	_ = s.CloseWrite()
	if b, err := io.ReadAll(app); !errors.Is(err, syscall.ECONNRESET) || string(b) != "ab" {
		t.Errorf("the application reads %q, %v", b, err)
	}
	if code, ok := link.ResetCode(<-pumped); !ok || code != proto.CodeDenied {
		t.Errorf("the pump ends with %v", code)
	}
}

// A connection is half closed, and reset afterwards: who still has something to say hears of it.
func TestAResetBehindFin(t *testing.T) {
	s, app, pumped := flowPair(t)
	write(t, s, frame(proto.FrameLimit, 100, ""), frame(proto.FrameData, 2, "ab"), frame(proto.FrameFin, 2, ""))
	if b, err := io.ReadAll(app); err != nil || string(b) != "ab" {
		t.Fatalf("the application reads %q, %v", b, err)
	}
	go func() { _, _ = app.Write(make([]byte, 1000)) }() // for which there is no credit
	if h, _ := next(t, s); h.Type != proto.FrameLimit {
		t.Fatalf("first came %+v", h)
	}
	for got := 0; got < 100; {
		_, payload := next(t, s)
		got += len(payload)
	}
	write(t, s, frame(proto.FrameRst, uint64(proto.CodeReset), ""))
	_ = s.CloseWrite()
	if code, ok := link.ResetCode(<-pumped); !ok || code != proto.CodeReset {
		t.Errorf("the pump ends with %v", code)
	}
	if _, err := app.Write([]byte("x")); !errors.Is(err, syscall.ECONNRESET) {
		t.Errorf("the application writes: %v", err)
	}
}

func TestAHalfClosedConnectionIsReset(t *testing.T) {
	s, app, pumped := flowPair(t)
	write(t, s, frame(proto.FrameLimit, 100, ""))
	if h, _ := next(t, s); h.Type != proto.FrameLimit {
		t.Fatalf("first came %+v", h)
	}
	_ = app.CloseWrite()
	if h, _ := next(t, s); h != (proto.FlowFrame{Type: proto.FrameFin}) {
		t.Fatalf("then %+v, want the fin", h)
	}
	write(t, s, frame(proto.FrameData, 1, "a"))
	if _, err := io.ReadFull(app, make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	app.Abort()
	write(t, s, frame(proto.FrameData, 1, "b"))
	if h, _ := next(t, s); h != (proto.FlowFrame{Type: proto.FrameRst, Value: uint64(proto.CodeReset)}) {
		t.Errorf("then %+v, want the reset", h)
	}
	_ = s.CloseWrite()
	if err := <-pumped; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, net.ErrClosed) {
		t.Errorf("the pump ends with %v", err)
	}
}

// The sender never has more under way than it was granted, and says when it waits.
func TestNothingIsSentWithoutCredit(t *testing.T) {
	s, app, _ := flowPair(t)
	if h, _ := next(t, s); h.Type != proto.FrameLimit {
		t.Fatalf("first came %+v", h)
	}
	go func() { _, _ = app.Write(make([]byte, 100)) }()
	for _, limit := range []uint64{10, 10, 64} {
		write(t, s, frame(proto.FrameLimit, limit, ""))
	}
	var got uint64
	for got < 64 {
		h, payload := next(t, s)
		switch h.Type {
		case proto.FrameData:
			got += uint64(len(payload))
		case proto.FrameBlocked:
			if h.Value != got {
				t.Errorf("waits at %d after %d bytes", h.Value, got)
			}
		}
	}
	if h, _ := next(t, s); got != 64 || h != (proto.FlowFrame{Type: proto.FrameBlocked, Value: 64}) {
		t.Errorf("%d bytes, then %+v", got, h)
	}
	write(t, s, frame(proto.FrameRst, uint64(proto.CodeReset), ""))
	_ = s.CloseWrite()
}

// What nobody reads stays within the window, and acknowledges nothing; what is read gives credit
// back.
func TestCreditComesFromTheReader(t *testing.T) {
	s, app, _ := flowPair(t)
	if h, _ := next(t, s); h.Value != firstWindow {
		t.Fatalf("%+v", h)
	}
	write(t, s, frame(proto.FrameData, firstWindow, string(make([]byte, firstWindow))))
	if _, err := io.ReadFull(app, make([]byte, firstWindow)); err != nil {
		t.Fatal(err)
	}
	var acked, limit uint64
	for acked < firstWindow/4*3 {
		switch h, _ := next(t, s); h.Type {
		case proto.FrameAck:
			acked = h.Value
		case proto.FrameLimit:
			if limit = h.Value; limit != acked+firstWindow {
				t.Errorf("%d bytes acknowledged, limit %d", acked, limit)
			}
		default:
			t.Errorf("%+v", h)
		}
	}
	write(t, s, frame(proto.FrameRst, uint64(proto.CodeReset), ""))
	_ = s.CloseWrite()
}
