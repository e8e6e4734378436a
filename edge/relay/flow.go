package relay

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/oneping/oneping/edge/policy"
	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// answerWait bounds how long the edge waits for a connector's answer. The
// client forgets a SYN after 130 s and resets the stream then; this is for one that does not.
const answerWait = 150 * time.Second

// Flow takes a flow that the device opened on s: it answers, or connects s with
// a stream to the connector, and returns when the flow has ended. It finishes s.
func (a *DeviceAttachment) Flow(ctx context.Context, s Stream, h proto.FlowHeader) {
	o := opening{a: a, st: a.r.state.Load(), s: s, h: h, q: flowRequest(&h)}
	end := o.open(ctx)
	if o.live != nil {
		defer a.r.flows.end(o.live)
	}
	if end.connected() {
		end = o.join(ctx, end)
	}
	if o.live != nil {
		end.reason = o.live.ended(end.reason)
	}
	a.carryOutFlow(&end, s)
}

// carryOutFlow counts how a flow ended, says what is still to be said of it, and finishes s.
func (a *DeviceAttachment) carryOutFlow(end *outcome, s Stream) {
	a.r.count(end, a.link)
	switch {
	case end.code != proto.CodeOK:
		s.Reset(end.code)
	case end.answer != nil && answer(s, end.answer):
		_ = s.Close() // the answer is on its way; there is nobody else to tell
	}
}

// answer writes the answer to a flow's header. False: the opener has left, and s is reset.
func answer(s Stream, a *proto.FlowAnswer) bool {
	if _, err := s.Write(proto.AppendFlowAnswer(nil, a)); err != nil {
		s.Reset(proto.CodeAborted)
		return false
	}
	return true
}

// opening is a flow from its header on; its goroutine is the flow's only one here until it is
// connected.
type opening struct {
	a  *DeviceAttachment
	st *compiled
	s  Stream           // the device's
	h  proto.FlowHeader // as it goes on
	q  request
	at pass

	live *liveFlow // nil before it was let in
	up   Stream    // the connector's; nil before there is one
}

func flowRequest(h *proto.FlowHeader) request {
	return request{proto: policy.TCP, src: h.Src, dst: h.Dst, ttl: h.TTL}
}

// open takes the flow as far as the connector's answer. What is not connected has an outcome that
// answers the device or resets its stream; where a change of the state has ended it, that is done.
func (o *opening) open(ctx context.Context) outcome {
	var v packet.Verdict
	if o.at, v = o.a.decide(o.st, &o.q); v.Reason != packet.OK {
		return o.refuse(v)
	}
	var ok bool
	t := tuple{dev: o.a.dev, holder: o.at.from.holder(), src: o.q.src, dst: o.q.dst, proto: policy.TCP, tunnel: o.at.tunnel}
	if o.live, ok = o.a.r.flows.open(&t, o.s); !ok {
		return o.refuse(packet.Verdict{Reason: packet.TableFull, Answer: packet.HostUnreachable})
	}
	if o.a.r.changed(o.st, &t) {
		o.live.cut(packet.Denied)
	}
	o.h.TTL = o.at.ttl
	var err error
	if o.up, err = o.dial(ctx); err != nil {
		if o.left() {
			return outcome{reason: packet.Closed, code: proto.CodeAborted}
		}
		return o.refuse(packet.Verdict{Reason: packet.ConnectorDown, Answer: packet.HostUnreachable})
	}
	if !o.live.bind(o.up) {
		return ended(packet.Denied) // or whatever o.live says
	}
	end := o.await()
	if end.connected() {
		o.a.r.flows.answered(o.live)
	} else {
		o.up.Reset(proto.CodeAborted)
	}
	return end
}

// refuse answers the opening. What has no answer at all is no flow, and its stream a violation of
// the protocol. Where the device has had too many errors its stream is reset: it holds a silent SYN
// for 130 s, and after a reset the next one gets its answer.
func (o *opening) refuse(v packet.Verdict) outcome {
	r := o.a.refuse(o.st, &o.q, &o.at, v)
	end := r.outcome()
	switch {
	case v.Answer == packet.NoError:
		end.code = proto.CodeProtocol
	case r.limited:
		end.code = proto.CodeTooMany
	default:
		a := r.Answer()
		end.answer = &a
	}
	return end
}

// dial opens the flow on the connector's link, for as long as the device waits for it.
func (o *opening) dial(ctx context.Context) (Stream, error) {
	ctx, cancel := context.WithTimeout(ctx, answerWait)
	defer cancel()
	defer context.AfterFunc(o.s.Context(), cancel)()
	return o.at.to.link.OpenFlow(ctx, &o.h)
}

// await reads the connector's answer and takes it through the edge as a hop: silence where none
// came in time, a reset where the connector left before it gave one: silence would hold back the
// application's next SYN, which may find another way.
func (o *opening) await() outcome {
	stop := context.AfterFunc(o.s.Context(), func() { o.up.Reset(proto.CodeAborted) }) // the client forgot its SYN
	defer stop()
	_ = o.up.SetReadDeadline(time.Now().Add(answerWait)) // fails only on a closed stream, which the read tells
	a, err := proto.ReadFlowAnswer(o.up)
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		return outcome{reason: packet.Timeout, answer: &proto.FlowAnswer{Kind: proto.AnswerSilent}}
	case err != nil && o.left():
		return outcome{reason: packet.Closed, code: proto.CodeAborted}
	case err != nil:
		return outcome{reason: packet.LinkDown, code: proto.CodeLinkDown}
	}
	_ = o.up.SetReadDeadline(time.Time{})
	if !o.a.extended.Load() {
		a.Extension, a.Quoted = "", 0
	}
	a, reason := o.a.r.backAnswer(a, o.q.v6())
	return outcome{reason: reason, answer: &a}
}

// left says whether the device has given up its SYN, or its link has ended.
func (o *opening) left() bool { return o.s.Context().Err() != nil }

// connected says whether the outcome of an opening is a connection.
func (o *outcome) connected() bool {
	return o.answer != nil && o.answer.Kind == proto.AnswerConnected
}

// join tells the device that it is connected and moves bytes until both directions have ended.
func (o *opening) join(ctx context.Context, end outcome) outcome {
	if !answer(o.s, end.answer) {
		o.up.Reset(proto.CodeAborted)
		return ended(packet.Closed)
	}
	held := o.a.r.budget.Open(o.live.holder, o.q.src, o.q.dst, func(code proto.Code) {
		o.s.Reset(code)
		o.up.Reset(code)
	})
	defer held.Release()
	o.live.held.Store(held)
	_ = flow.Splice(ctx, o.s, o.up, held) // how a flow ends is between its ends; both know
	if held.Short() {
		return ended(packet.MemoryShort)
	}
	return ended(packet.OK)
}
