package relay

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

func header(src, dst netip.Addr, port uint16, ttl uint8) *proto.FlowHeader {
	return &proto.FlowHeader{Flow: proto.FlowID{1}, Src: netip.AddrPortFrom(src, 4000), Dst: netip.AddrPortFrom(dst, port), TTL: ttl}
}

func icmpAnswer(hop netip.Addr, typ, code, quoted uint8) proto.FlowAnswer {
	return proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: typ, ICMPCode: code, TTL: 64, QuotedTTL: quoted, Reporter: hop}
}

// openTo passes the opening of a flow through the rooms, as far as the connector that it goes to.
func (a *DeviceAttachment) openTo(h *proto.FlowHeader) (outcome, *ConnectorAttachment) {
	o := opening{a: a, st: a.r.state.Load(), h: *h, q: flowRequest(h)}
	var v packet.Verdict
	if o.at, v = a.decide(o.st, &o.q); v.Reason != packet.OK {
		return o.refuse(v), nil
	}
	return outcome{}, o.at.to
}

func TestFlowVerdicts(t *testing.T) {
	silent := proto.FlowAnswer{Kind: proto.AnswerSilent}
	tests := []struct {
		name    string
		cfg     Config
		h       *proto.FlowHeader
		reason  packet.Reason
		answer  proto.FlowAnswer
		forward bool
		denied  bool // the answer names a decision
		told    bool // a control message does
	}{
		{name: "v4", h: header(alice4, server4, 22, 9), forward: true},
		{name: "v6", h: header(alice6, server6, 22, 9), forward: true},
		{name: "spoofed", h: header(mallory, server4, 22, 9), reason: packet.Spoofed},
		{name: "multicast", h: header(alice4, netip.MustParseAddr("239.0.0.1"), 22, 9), reason: packet.Multicast},
		{name: "mixed families", h: header(alice4, server6, 22, 9), reason: packet.Malformed},
		{name: "hop", h: header(alice4, hop4, 22, 1), reason: packet.Refused, answer: proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: 64, QuotedTTL: 1}},
		{name: "v4 TTL 1", h: header(alice4, server4, 22, 1), reason: packet.TTLExpired, answer: icmpAnswer(hop4, 11, 0, 1)},
		{name: "v6 TTL 1", h: header(alice6, server6, 22, 1), reason: packet.TTLExpired, answer: icmpAnswer(hop6, 3, 0, 1)},
		{name: "no hop address", cfg: Config{Hops: []netip.Addr{hop6}}, h: header(alice4, server4, 22, 1), reason: packet.TTLExpired, answer: silent},
		{name: "v4 denied", h: header(alice4, server4, 23, 9), reason: packet.Denied, answer: icmpAnswer(hop4, 3, 13, 9), denied: true},
		{name: "v6 denied", h: header(alice6, denied6, 22, 9), reason: packet.Denied, answer: icmpAnswer(hop6, 1, 1, 9), denied: true},
		{name: "v4 no route", h: header(alice4, lost4, 22, 9), reason: packet.NoRoute, answer: icmpAnswer(hop4, 3, 0, 9)},
		{name: "v6 no route", h: header(alice6, lost6, 22, 9), reason: packet.NoRoute, answer: icmpAnswer(hop6, 1, 0, 9)},
		{name: "v4 no connector", h: header(alice4, other4, 22, 9), reason: packet.ConnectorDown, answer: icmpAnswer(hop4, 3, 1, 9)},
		{name: "v6 no connector", h: header(alice6, other6, 22, 9), reason: packet.ConnectorDown, answer: icmpAnswer(hop6, 1, 3, 9)},
		{name: "silent denied", cfg: Config{Silent: true}, h: header(alice4, server4, 23, 9), reason: packet.Denied, answer: silent, denied: true, told: true},
		{name: "silent no route", cfg: Config{Silent: true}, h: header(alice4, lost4, 22, 9), reason: packet.NoRoute, answer: silent},
		{name: "silent no connector", cfg: Config{Silent: true}, h: header(alice4, other4, 22, 9), reason: packet.ConnectorDown, answer: silent},
		{name: "silent still says TTL", cfg: Config{Silent: true}, h: header(alice4, server4, 22, 1), reason: packet.TTLExpired, answer: icmpAnswer(hop4, 11, 0, 1)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld(t, tt.cfg)
			o, to := w.alice.openTo(tt.h)
			if o.reason != tt.reason || (to == w.home) != tt.forward || (o.tell != nil) != tt.told {
				t.Errorf("reason %v, forwarded %v, told %v; want %v, %v, %v", o.reason, to == w.home, o.tell != nil, tt.reason, tt.forward, tt.told)
			}
			var answer proto.FlowAnswer
			if o.answer != nil {
				answer = *o.answer
			}
			if tt.denied {
				if _, err := w.r.Denials().Explain(answer.Decision, nil); err != nil {
					t.Errorf("decision %v: %v", answer.Decision, err)
				}
				answer.Decision = 0
			}
			if diff := cmp.Diff(tt.answer, answer, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// TestLimitedFlowIsReset: a silent answer would hold the application's SYNs for
// 130 s; after a reset the next one gets its answer.
func TestLimitedFlowIsReset(t *testing.T) {
	for name, h := range map[string]*proto.FlowHeader{
		"TTL 1": header(alice4, server4, 22, 1), "denied": header(alice4, server4, 23, 9),
		"no route": header(alice4, lost4, 22, 9), "no connector": header(alice4, other4, 22, 9),
	} {
		synctest.Test(t, func(t *testing.T) { // the limit does not refill meanwhile
			w := newWorld(t, Config{})
			for range errorBurst {
				w.alice.limit.Allow(packet.TTLExpired, time.Now())
			}
			if o, _ := w.alice.openTo(header(alice4, hop4, 22, 9)); o.limited || o.answer == nil || o.answer.Kind != proto.AnswerRefused {
				t.Errorf("the edge's own port: %+v; a reset is no ICMP error, which alone are limited", o.answer)
			}
			o, _ := w.alice.openTo(h)
			if !o.limited || o.reason == packet.OK || o.answer != nil || o.tell != nil || o.code != proto.CodeTooMany {
				t.Errorf("%s: %v, answer %+v, code %v; want a reset: too many", name, o.reason, o.answer, o.code)
			}
		})
	}
}

func TestBackAnswer(t *testing.T) {
	silent := proto.FlowAnswer{Kind: proto.AnswerSilent}
	tests := []struct {
		name     string
		in, want proto.FlowAnswer
		reason   packet.Reason
	}{
		{"connected", proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 62}, proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 61}, packet.OK},
		{
			"connected, and what its connector reads",
			proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 62, Newest: proto.FrameNewest + 9},
			proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 61, Newest: proto.FrameNewest + 9},
			packet.OK,
		},
		{"connected, TTL unseen", proto.FlowAnswer{Kind: proto.AnswerConnected}, proto.FlowAnswer{Kind: proto.AnswerConnected}, packet.OK},
		{"connected, expired", proto.FlowAnswer{Kind: proto.AnswerConnected, TTL: 1}, silent, packet.TTLExpired},
		{
			"a decision that is not the connector's",
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 13, TTL: 64, Reporter: router4, Decision: 7},
			proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 13, TTL: 63, Reporter: router4},
			packet.Unreachable,
		},
		{"refused", proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: 62}, proto.FlowAnswer{Kind: proto.AnswerRefused, TTL: 61}, packet.Refused},
		{"silent", silent, silent, packet.Timeout},
		{"error", icmpAnswer(router4, 3, 1, 4), proto.FlowAnswer{Kind: proto.AnswerICMP, ICMPType: 3, ICMPCode: 1, TTL: 63, QuotedTTL: 4, Reporter: router4}, packet.Unreachable},
		{"error in the edge's name", icmpAnswer(hop4, 3, 1, 4), silent, packet.Unsolicited},
		{"error of another family", icmpAnswer(router6, 1, 3, 4), silent, packet.Unsolicited},
		{"not an error", icmpAnswer(router4, 0, 0, 4), silent, packet.Unsolicited},
		{"error from nobody", icmpAnswer(netip.Addr{}, 3, 1, 4), silent, packet.Unsolicited},
	}
	w := newWorld(t, Config{})
	for _, tt := range tests {
		got, reason := w.r.backAnswer(tt.in, false)
		if reason != tt.reason || got != tt.want {
			t.Errorf("%s: %+v, %v; want %+v, %v", tt.name, got, reason, tt.want, tt.reason)
		}
	}
}

func TestFlowsAreBounded(t *testing.T) {
	w := newWorld(t, Config{})
	fl := newFlows(5, 2)
	mk := func(c *DeviceAttachment) (*liveFlow, bool) {
		f, ok := fl.open(&tuple{dev: c.dev, holder: c.dev.id}, nil)
		if ok {
			fl.answered(f)
		}
		return f, ok
	}
	a, ok1 := mk(w.alice)
	_, ok2 := mk(w.alice)
	_, ok3 := mk(w.alice)
	_, ok4 := mk(w.mallory)
	_, ok5 := mk(w.mallory)
	if !ok1 || !ok2 || ok3 || !ok4 || !ok5 || fl.len() != 4 {
		t.Errorf("opened %v %v %v %v %v, want true true false true true", ok1, ok2, ok3, ok4, ok5)
	}
	fl.end(a)
	if _, ok := mk(w.alice); !ok || len(fl.all()) != 4 {
		t.Error("the place of a flow that ended is not free")
	}
}

// A device that scans has its bound full of flows that nobody answers: the one that has waited
// longest makes room for the next, and those that are connected never do.
func TestAScanMakesRoomForItself(t *testing.T) {
	for name, fl := range map[string]*flows{"of a device": newFlows(0, 4), "of a user": newFlows(4, 0)} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(t, Config{})
			open := func(c *DeviceAttachment) *liveFlow {
				time.Sleep(time.Second)
				f, ok := fl.open(&tuple{dev: c.dev, holder: "one user"}, nil)
				if !ok {
					t.Fatalf("%s: refused", name)
				}
				return f
			}
			connected := open(w.alice)
			fl.answered(connected)
			scan := []*liveFlow{open(w.alice), open(w.alice), open(w.alice), open(w.alice), open(w.alice)}
			for i, f := range append(scan, connected) {
				want := packet.OK
				if i < 2 {
					want = packet.Superseded
				}
				if got := f.ended(packet.OK); got != want {
					t.Errorf("%s: flow %d ended for %v, want %v", name, i, got, want)
				}
			}
		})
	}
}
