package connector

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/flow/flowtest"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// dial opens a flow and returns it with its answer.
func (s *stage) dial(dst netip.AddrPort, ttl uint8) (*flow.Flow, proto.FlowAnswer, error) {
	ctx, cancel := context.WithTimeout(s.ctx, 10*time.Second)
	defer cancel()
	h := &proto.FlowHeader{Flow: proto.NewFlowID(), Src: netip.AddrPortFrom(s.client, 4000), Dst: dst, TTL: ttl}
	st, err := s.link.OpenFlow(ctx, h)
	if err != nil {
		return nil, proto.FlowAnswer{}, err
	}
	f := flow.New(st, h, nil)
	a, err := f.Await(ctx)
	return f, a, err
}

func playTCP(s *stage) error {
	for _, step := range []struct {
		name string
		play func(*stage) error
	}{
		{"echo", tcpEcho},
		{"hops", tcpHops},
		{"refused", tcpRefused},
		{"no route", tcpNoRoute},
		{"dead neighbour", tcpDead},
		{"five hundred", tcpMany},
		{"opener gives up", tcpGivenUp},
	} {
		if err := step.play(s); err != nil {
			return fmt.Errorf("%s: %w", step.name, err)
		}
	}
	return nil
}

// tcpEcho sends a megabyte, closes its half and reads all of it back.
func tcpEcho(s *stage) error {
	f, a, err := s.dial(s.echo(), 64)
	if err != nil {
		return err
	}
	ttl := uint8(63) // nothing was heard of the origin yet, and IPv4 does not tell
	if s.v6 {
		ttl = 61
	}
	if err := errors.Join(want("answer", a.Kind, proto.AnswerConnected), want("ttl", a.TTL, ttl)); err != nil {
		return err
	}
	data := make([]byte, 1<<20)
	_, _ = rand.Read(data)
	failed, pumped := make(chan error, 1), make(chan error, 1)
	app := flowtest.Attach(s.ctx, f, pumped)
	go func() {
		_, err := app.Write(data)
		failed <- errors.Join(err, app.CloseWrite())
	}()
	got, err := io.ReadAll(app)
	if err := errors.Join(err, <-failed); err != nil {
		return err
	}
	return errors.Join(want("echoed", bytes.Equal(got, data), true), <-pumped)
}

func tcpHops(s *stage) error {
	typ, _ := packet.TimeExceeded.TypeCode(s.v6)
	for i, hop := range []struct {
		who netip.Addr
		ttl uint8
	}{{s.c, 64}, {s.r1, 63}, {s.r2, 62}} {
		f, a, err := s.dial(s.echo(), uint8(i+1))
		if err != nil {
			return err
		}
		if err := want("answer", a, proto.FlowAnswer{
			Kind: proto.AnswerICMP, ICMPType: typ, TTL: hop.ttl, QuotedTTL: 1, Reporter: hop.who,
		}); err != nil {
			return fmt.Errorf("hop %d: %w", i+1, err)
		}
		f.Drop(proto.CodeAborted)
	}
	f, a, err := s.dial(s.echo(), 4)
	if err != nil {
		return err
	}
	f.Drop(proto.CodeAborted)
	return want("hop 4", a.Kind, proto.AnswerConnected)
}

func tcpRefused(s *stage) error {
	for _, dst := range []netip.Addr{s.o, s.c} {
		f, a, err := s.dial(netip.AddrPortFrom(dst, 9), 64)
		if err != nil {
			return err
		}
		if err := want("answer", a.Kind, proto.AnswerRefused); err != nil {
			return err
		}
		f.Drop(proto.CodeAborted)
	}
	return nil
}

func tcpNoRoute(s *stage) error {
	f, a, err := s.dial(netip.AddrPortFrom(s.addr("192.0.2.1", "2001:db8::1"), 9), 64)
	if err != nil {
		return err
	}
	f.Drop(proto.CodeAborted)
	typ, code := packet.NetUnreachable.TypeCode(s.v6)
	return errors.Join(want("answer", a.Kind, proto.AnswerICMP), want("type", a.ICMPType, typ), want("code", a.ICMPCode, code))
}

func tcpDead(s *stage) error {
	f, a, err := s.dial(netip.AddrPortFrom(s.addr("10.77.1.98", "fd77:1::98"), 9), 64)
	if err != nil {
		return err
	}
	f.Drop(proto.CodeAborted)
	typ, code := packet.HostUnreachable.TypeCode(s.v6)
	return errors.Join(
		want("answer", a.Kind, proto.AnswerICMP), want("type", a.ICMPType, typ), want("code", a.ICMPCode, code),
		want("reporter", a.Reporter, s.c), want("ttl", a.TTL, 64),
	)
}

// tcpMany has five hundred connections at once.
func tcpMany(s *stage) error {
	var wg sync.WaitGroup
	failed := make(chan error, 500)
	for i := range 500 {
		wg.Go(func() { failed <- s.pingPong(fmt.Sprint("hello from ", i)) })
	}
	wg.Wait()
	close(failed)
	for err := range failed {
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *stage) pingPong(text string) error {
	f, a, err := s.dial(s.echo(), 64)
	if err != nil {
		return err
	}
	if a.Kind != proto.AnswerConnected {
		return fmt.Errorf("answer %+v", a)
	}
	pumped := make(chan error, 1)
	app := flowtest.Attach(s.ctx, f, pumped)
	if _, err := app.Write([]byte(text)); err != nil {
		return err
	}
	if err := app.CloseWrite(); err != nil {
		return err
	}
	got, err := io.ReadAll(app)
	return errors.Join(err, want("echo", string(got), text), <-pumped)
}

// tcpGivenUp: the opener leaves while nothing answers; the connector lets go.
func tcpGivenUp(s *stage) error {
	st, err := s.link.OpenFlow(s.ctx, &proto.FlowHeader{
		Flow: proto.NewFlowID(), Src: netip.AddrPortFrom(s.client, 4000), Dst: netip.AddrPortFrom(s.addr("10.77.1.97", "fd77:1::97"), 9), TTL: 64,
	})
	if err != nil {
		return err
	}
	if err := s.flows(1); err != nil {
		return err
	}
	st.Reset(proto.CodeAborted)
	return s.flows(0)
}

// flows waits until so many flows are there.
func (s *stage) flows(n int) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Second)
	for s.conn.dispatch.tcp.Flows() != n {
		select {
		case <-tick.C:
		case <-end:
			return want("flows", s.conn.dispatch.tcp.Flows(), n)
		}
	}
	return nil
}
