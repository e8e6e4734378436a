package edge

import (
	"io"
	"net/netip"
	"slices"
	"testing"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/flow/flowtest"
	"github.com/oneping/oneping/internal/link"
	"github.com/oneping/oneping/proto"
)

// A revoked device's flow whose far end does not read is reset there, and the connector is told to
// end the rest.
func TestRevocationEndsFlows(t *testing.T) {
	s := newSite(t)
	far, revoked := make(chan error, 1), make(chan struct{})
	s.connector.flows <- func(st *link.Stream, h *proto.FlowHeader) {
		f := flow.New(st, h, nil)
		_ = f.Answer(proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 62})
		flowtest.Attach(t.Context(), f, far) // whose other end reads nothing
		<-revoked
	}
	f := s.open(22, 64)
	if a := s.await(f); a.Kind != proto.AnswerConnected {
		t.Fatalf("answer %+v", a)
	}
	near := make(chan error, 1)
	app := flowtest.Attach(t.Context(), f, near)
	go func() { _, _ = io.Copy(app, endless{}) }()
	s.revoke()
	want := slices.SortedFunc(slices.Values(s.client.welcome.Addrs), netip.Addr.Compare)
	if m := s.connector.message1(); m.Ended == nil || !slices.Equal(m.Ended.Addrs, want) {
		t.Errorf("the connector was told %+v, want the end of %v", m, want)
	}
	close(revoked)
	if err := <-near; err == nil {
		t.Error("the device's end lives on")
	}
	if _, ok := link.ResetCode(<-far); !ok {
		t.Error("the connector's end was not reset")
	}
}

// endless is a source of zeros.
type endless struct{}

func (endless) Read(b []byte) (int, error) { return len(b), nil }
