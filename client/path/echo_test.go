package path

import (
	"testing"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

func TestAskedIsForgottenAfterAMinute(t *testing.T) {
	a, p := newAsked(), mustParse(t, echoPacket(false, true, 8))
	a.note(p, start)
	a.note(p, start.Add(30*time.Second))
	a.expire(start.Add(89 * time.Second))
	if !a.has(questionOf(p)) {
		t.Error("forgotten 59 s after the last request")
	}
	a.expire(start.Add(91 * time.Second))
	if a.has(questionOf(p)) {
		t.Error("remembered 61 s after the last request")
	}
}

// A sweep forgets its own oldest requests, never those that are answered.
func TestSweepDoesNotFillAsked(t *testing.T) {
	o := newTestOutbound()
	req := mustParse(t, echoPacket(false, true, 8))
	o.asked.note(req, start)
	if !o.asked.confirm(req.Dst, req.Ident) {
		t.Fatal("not known")
	}
	p := *req
	for n := range 2 * maxAsked {
		p.Dst, p.Ident = req.Src, uint16(n)
		if r := o.asked.note(&p, start.Add(time.Duration(n)*time.Microsecond)); r != packet.OK {
			t.Fatalf("pair %d: %v", n, r)
		}
	}
	if !o.asked.has(questionOf(req)) || o.asked.has(question{dst: req.Src}) || !o.asked.has(question{dst: req.Src, ident: 2*maxAsked - 1}) || o.asked.table.Len() != maxAsked {
		t.Error("not the oldest were forgotten")
	}
}

// Beyond the bound a request is refused with an answer, not sent without hope of one.
func TestAskedIsBounded(t *testing.T) {
	o, v := newTestOutbound(), upView(1380)
	req := mustParse(t, echoPacket(false, true, 8))
	p := *req
	for n := range maxAsked {
		p.Dst, p.Ident = req.Src, uint16(n)
		if r := o.asked.note(&p, start); r != packet.OK {
			t.Fatalf("pair %d: %v", n, r)
		}
		o.asked.confirm(p.Dst, p.Ident)
	}
	d := o.step(req.Raw, start, v)
	if d.reason != packet.TableFull || d.send() != nil {
		t.Fatalf("%+v", d)
	}
	wantError(t, d.back(), packet.HostUnreachable, req.Raw, 0)
}
