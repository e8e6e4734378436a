package link_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	"go.uber.org/goleak"

	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// flowPair returns a stream of the opener and a flow of the acceptor.
func flowPair(t *testing.T) (*link.Stream, *link.Flow) {
	server, client := connect(t, link.Config{}, link.Config{})
	accepted := make(chan *link.Flow, 1)
	done := make(chan struct{})
	run(t, server, link.Handler{Flow: func(_ context.Context, _ *link.Link, s *link.Stream, _ proto.FlowHeader) {
		accepted <- link.NewFlow(s)
		<-done
	}})
	t.Cleanup(func() { close(done) })
	run(t, client, link.Handler{})
	s, err := client.OpenFlow(t.Context(), header())
	if err != nil {
		t.Fatal(err)
	}
	return s, <-accepted
}

func frame(kind proto.FrameType, value uint64, payload string) []byte {
	b := make([]byte, proto.FrameHeaderSize, proto.FrameHeaderSize+len(payload))
	proto.PutFlowFrame(b, proto.FlowFrame{Type: kind, Value: value})
	return append(b, payload...)
}

func TestBrokenFramesEndTheFlowWithAnError(t *testing.T) {
	for _, c := range []struct {
		name  string
		bytes []byte
		close bool
		data  string
		want  error
	}{
		{"data, then fin", append(frame(proto.FrameData, 2, "ab"), frame(proto.FrameFin, 2, "")...), false, "ab", nil},
		{"empty data frames", append(append(frame(proto.FrameData, 0, ""), frame(proto.FrameData, 1, "a")...), frame(proto.FrameFin, 1, "")...), false, "a", nil},
		{"fin at another offset", append(frame(proto.FrameData, 2, "ab"), frame(proto.FrameFin, 3, "")...), false, "ab", proto.ErrMalformed},
		{"unknown frame", []byte{0xff, 0, 0, 0, 0, 0, 0, 0}, false, "", proto.ErrMalformed},
		{"data beyond the bound", frame(proto.FrameData, proto.MaxFrameData+1, ""), false, "", proto.ErrMalformed},
		{"end without fin", frame(proto.FrameData, 2, "ab"), true, "ab", io.ErrUnexpectedEOF},
		{"end inside a header", []byte{1, 0, 0}, true, "", io.ErrUnexpectedEOF},
		{"end inside data", frame(proto.FrameData, 9, "ab"), true, "ab", io.ErrUnexpectedEOF},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, f := flowPair(t)
			if _, err := s.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			if c.close {
				_ = s.CloseWrite()
			}
			got, err := io.ReadAll(f)
			if string(got) != c.data || !errors.Is(err, c.want) {
				t.Errorf("read %q, %v; want %q, %v", got, err, c.data, c.want)
			}
			if c.want != nil {
				_, err := s.Read(make([]byte, 100))
				if code, ok := link.ResetCode(err); !ok || code != proto.CodeProtocol {
					t.Errorf("the peer reads %v", err)
				}
			}
		})
	}
}

func TestAResetFrameSaysWhy(t *testing.T) {
	s, f := flowPair(t)
	if _, err := s.Write(append(frame(proto.FrameData, 2, "ab"), frame(proto.FrameRst, uint64(proto.CodeDenied), "")...)); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(f)
	if code, ok := link.ResetCode(err); string(got) != "ab" || !ok || code != proto.CodeDenied {
		t.Fatalf("read %q, %v", got, err)
	}
}

// TestWhatWasReadIsAcknowledged: the writer learns how far the reader is,
// every 256 KiB and at the fin.
func TestWhatWasReadIsAcknowledged(t *testing.T) {
	s, f := flowPair(t)
	w := link.NewFlow(s)
	const total = 1<<20 + 5
	go func() {
		_, _ = io.Copy(w, pattern(total))
		_ = w.CloseWrite()
	}()
	got, err := io.ReadAll(f)
	want, _ := io.ReadAll(pattern(total))
	if err != nil || !bytes.Equal(got, want) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	if err := f.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(w); err != nil {
		t.Fatal(err)
	}
	closed := make(chan error, 1)
	go func() { closed <- f.Close() }()
	if err := w.Close(); err != nil {
		t.Error(err)
	}
	if err := <-closed; err != nil {
		t.Error(err)
	}
	if w.Acked() != total {
		t.Errorf("acknowledged %d of %d", w.Acked(), total)
	}
}

// TestBothDirectionsCanBeFull: both ends write more than all windows hold,
// and each acknowledges what it reads meanwhile.
func TestBothDirectionsCanBeFull(t *testing.T) {
	s, f := flowPair(t)
	w := link.NewFlow(s)
	const total = 20 << 20 // beyond a stream's window
	for _, x := range []*link.Flow{w, f} {
		go func() {
			_, _ = io.Copy(x, pattern(total))
			_ = x.CloseWrite()
		}()
	}
	type result struct {
		n   int64
		err error
	}
	got := make(chan result, 2)
	for _, x := range []*link.Flow{w, f} {
		go func() {
			n, err := io.Copy(io.Discard, x)
			got <- result{n, err}
		}()
	}
	for range 2 {
		if r := <-got; r.n != total || r.err != nil {
			t.Errorf("read %d bytes, %v", r.n, r.err)
		}
	}
}
