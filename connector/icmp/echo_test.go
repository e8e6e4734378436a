package icmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/oneping/oneping/internal/echo"
	"github.com/oneping/oneping/proto/packet"
)

// fakeAPI is Windows' echo API: requests wait until the test ends them.
type fakeAPI struct {
	flying  map[uint16]func(echo.Reply, bool) // by sequence
	started []*echoRequest
	refuse  uint32
	closed  bool
}

type fakeEnd struct {
	got echo.Reply
	ok  bool
}

func newFakeAPI() *fakeAPI {
	return &fakeAPI{flying: make(map[uint16]func(echo.Reply, bool))}
}

func (a *fakeAPI) start(r *echoRequest, done func(*echoRequest)) uint32 {
	if a.refuse != 0 {
		return a.refuse
	}
	a.started = append(a.started, r)
	a.flying[binary.BigEndian.Uint16(r.ICMP[6:])] = func(got echo.Reply, ok bool) {
		r.handle = fakeEnd{got, ok}
		done(r)
	}
	return 0
}

func (a *fakeAPI) finish(r *echoRequest) (echo.Reply, bool) {
	end, _ := r.handle.(fakeEnd)
	return end.got, end.ok
}

func (a *fakeAPI) close() { a.closed = true }

// echoBench is a NAT over the echo API.
func echoBench(t *testing.T) (*bench, *echoes, *fakeAPI) {
	api := newFakeAPI()
	tr := newEchoes(api)
	return benchOver(t, tr, Config{}), tr, api
}

func TestEchoReplies(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, _, api := echoBench(t)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- b.Run(ctx) }()
		payloads := [][]byte{[]byte("dead"), nil, []byte("live")} // one of size 0
		for i, payload := range payloads {
			p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: uint16(i), TOS: 0x48, DF: i == 2, Payload: payload})
			if v := b.Send(&p, uint8(30+i)); v.Reason != packet.OK {
				t.Fatal(v)
			}
		}
		if r := api.started[2]; r.TTL != 32 || r.TOS != 0x48 || !r.DF || string(r.ICMP[8:]) != "live" {
			t.Errorf("asked the system for %+v", r)
		}
		for _, seq := range []uint16{2, 1} { // 0 is a dead target: nobody waits for it
			api.flying[seq](echo.Reply{From: server4, TTL: 60, TOS: 0x48, Data: payloads[seq]}, true)
			synctest.Wait()
			p := b.took()
			if p.Seq != seq || p.TTL != 59 || p.TOS != 0x48 || !bytes.Equal(p.Payload(), payloads[seq]) {
				t.Errorf("reply %+v", p)
			}
		}
		time.Sleep(echoTimeout)
		api.flying[0](echo.Reply{}, false)
		synctest.Wait()
		if p := b.took(); p.Raw != nil {
			t.Errorf("a time-out was answered: %+v", p)
		}
		cancel()
		if err := <-ended; !errors.Is(err, context.Canceled) || !api.closed {
			t.Errorf("Run: %v, closed %v", err, api.closed)
		}
	})
}

func TestEchoErrors(t *testing.T) {
	for name, c := range map[string]struct {
		v6        bool
		status    uint32
		typ, code uint8
	}{
		"no route":          {status: 11002, typ: 3, code: 0},
		"host":              {status: 11003, typ: 3, code: 1},
		"protocol":          {status: 11004, typ: 3, code: 2},
		"port":              {status: 11005, typ: 3, code: 3},
		"too big":           {status: 11009, typ: 3, code: 4},
		"ttl":               {status: 11013, typ: 11, code: 0},
		"reassembly":        {status: 11014, typ: 11, code: 1},
		"parameter":         {status: 11015, typ: 12, code: 0},
		"v6 no route":       {v6: true, status: 11002, typ: 1, code: 0},
		"v6 prohibited":     {v6: true, status: 11004, typ: 1, code: 1},
		"v6 scope":          {v6: true, status: 11045, typ: 1, code: 2},
		"v6 address":        {v6: true, status: 11003, typ: 1, code: 3},
		"v6 port":           {v6: true, status: 11005, typ: 1, code: 4},
		"v6 too big":        {v6: true, status: 11009, typ: 2, code: 0},
		"v6 ttl":            {v6: true, status: 11013, typ: 3, code: 0},
		"v6 time":           {v6: true, status: 11041, typ: 3, code: 0},
		"v6 header":         {v6: true, status: 11042, typ: 4, code: 0},
		"v6 next header":    {v6: true, status: 11043, typ: 4, code: 1},
		"v6 unreachable":    {v6: true, status: 11040, typ: 1, code: 3},
		"time-out":          {status: 11010},
		"general failure":   {status: 11050},
		"scope is v6's own": {status: 11045},
	} {
		b, tr, api := echoBench(t)
		e, from := packet.Echo{Src: alice4, Dst: server4, Ident: 7, Seq: 1, TTL: 5, Payload: []byte("hello")}, router4
		if c.v6 {
			e.Src, e.Dst, from = alice6, server6, router6
		}
		p := echoOf(t, e)
		if v := b.Send(&p, 4); v.Reason != packet.OK {
			t.Fatal(v)
		}
		api.flying[1](echo.Reply{From: from, Status: c.status}, true)
		tr.handle(<-tr.done)
		got := b.took()
		if c.typ == 0 {
			if got.Raw != nil {
				t.Errorf("%s: answered %+v", name, got)
			}
			continue
		}
		var q packet.Packet
		if got.Type != c.typ || got.Code != c.code || got.Src != from || !got.Quoted(&q) || q.Dst != e.Dst || q.Ident != 7 || q.Seq != 1 {
			t.Errorf("%s: got %d/%d from %v quoting %+v", name, got.Type, got.Code, got.Src, q)
		}
	}
}

func TestEchoRefusedBySystem(t *testing.T) {
	for status, want := range map[uint32]packet.Verdict{
		8:     {Reason: packet.NoBuffers, Answer: packet.HostUnreachable},
		5:     {Reason: packet.Forbidden, Answer: packet.AdminProhibited},
		1231:  {Reason: packet.NoRoute, Answer: packet.NetUnreachable},
		1232:  {Reason: packet.Unreachable, Answer: packet.HostUnreachable},
		11050: {Reason: packet.SendFailed},
	} {
		b, tr, api := echoBench(t)
		api.refuse = status
		p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 7})
		if v := b.Send(&p, 4); v != want {
			t.Errorf("%d: %v, want %v", status, v, want)
		}
		if tr.flying != 0 {
			t.Errorf("%d: a place was not given back", status)
		}
	}
}

func TestEchoBound(t *testing.T) {
	b, tr, _ := echoBench(t)
	tr.flying = maxEchoes
	p := echoOf(t, packet.Echo{Src: alice4, Dst: server4, Ident: 7})
	if v := b.Send(&p, 4); v.Reason != packet.NoBuffers {
		t.Errorf("got %v", v)
	}
}
