package probe

import (
	"context"
	"errors"
	"sync/atomic"
	"time"
)

// Ping is what a pinger sends, and how often.
type Ping struct {
	Count    int           // replies, after which it ends; 0: it does not
	Every    time.Duration // between two requests
	Deadline time.Duration // after which it ends in any case; 0: none
	Linger   time.Duration // how long to wait for the last reply where none has come; 0: without end
	TTL      uint8         // 0: the host's own
	Payload  []byte        // the first 16 bytes of 16 or more hold the time of sending
}

// Echo is a reply.
type Echo struct {
	Answer Answer
	RTT    time.Duration
	Again  bool   // another one has come for the same request
	Wanted []byte // what was sent
}

// Output shows what a pinger hears. Its errors end the pinger.
type Output interface {
	// Echo shows a reply.
	Echo(ctx context.Context, e Echo) error
	// Error shows an ICMP error.
	Error(ctx context.Context, a Answer) error
	// Unanswered says that a request has no answer and the next one goes out.
	Unanswered(seq uint16) error
	// Unsent says that this host did not let a request out: larger than mtu, or err.
	Unsent(seq uint16, mtu uint32, err error) error
	// Status says how it goes, for who has asked.
	Status(t *Tally) error
}

// Pinger sends echo requests at an interval and counts what comes back.
type Pinger struct {
	ping     Ping
	sender   Sender
	out      Output
	tally    Tally
	requests []request // by sequence number
	buf      []byte
	asked    atomic.Bool // for the status
	linger   time.Time   // until when the last reply is waited for
	missed   int         // the last request that was said to have no answer yet
	full     time.Time   // since when the kernel has had no room; zero: it has
}

// request is what is known of the last request with one sequence number.
type request struct {
	sent     time.Time
	answered bool
}

// NewPinger returns a pinger that sends by s, which stays the caller's, and shows what it hears to out.
func NewPinger(p Ping, s Sender, out Output) *Pinger {
	return &Pinger{ping: p, sender: s, out: out, requests: make([]request, 1, 64), buf: make([]byte, len(p.Payload))}
}

// Ask has the status shown as soon as possible. Safe for concurrent use.
func (p *Pinger) Ask() {
	p.asked.Store(true)
	p.sender.Wake()
}

// Run pings until it is done or ctx ends, and returns what was counted; an error is one of sending or
// showing.
func (p *Pinger) Run(ctx context.Context) (*Tally, error) {
	defer context.AfterFunc(ctx, p.sender.Wake)()
	p.tally.began = time.Now()
	next := p.tally.began
	for ctx.Err() == nil && !p.done(time.Now()) {
		if p.asked.Swap(false) {
			if err := p.out.Status(&p.tally); err != nil {
				return &p.tally, err
			}
		}
		if now := time.Now(); p.more() && !now.Before(next) {
			var err error
			if next, err = p.send(now); err != nil {
				return &p.tally, err
			}
		}
		if err := p.receive(ctx, p.wake(next)); err != nil {
			return &p.tally, err
		}
	}
	return &p.tally, nil
}

// more says whether there is another request to send. With a deadline requests go on until the replies
// are there.
func (p *Pinger) more() bool {
	return p.ping.Count == 0 || p.ping.Deadline > 0 || p.tally.Sent < p.ping.Count
}

// done says whether nothing is left to be waited for.
func (p *Pinger) done(now time.Time) bool {
	t := &p.tally
	switch {
	case p.enough(), p.ping.Deadline > 0 && t.Errors > 0,
		p.ping.Deadline > 0 && now.Sub(t.began) >= p.ping.Deadline:
		return true
	}
	if p.more() {
		return false
	}
	if t.Received == 0 && p.ping.Linger == 0 {
		return false
	}
	if p.linger.IsZero() {
		p.linger = now.Add(p.lingers())
	}
	return !now.Before(p.linger)
}

// enough says whether all the replies are there that were asked for.
func (p *Pinger) enough() bool {
	return p.ping.Count > 0 && p.tally.Received+p.tally.Errors >= p.ping.Count
}

// lingers returns how long the last replies are waited for: twice the longest round trip, and at least
// an interval.
func (p *Pinger) lingers() time.Duration {
	if p.tally.Received == 0 {
		return p.ping.Linger
	}
	return max(2*p.tally.longest, p.ping.Every)
}

// wake returns when there is something to do, whatever comes.
func (p *Pinger) wake(next time.Time) time.Time {
	until := p.linger
	if p.more() {
		until = next
	} else if until.IsZero() && (p.tally.Received > 0 || p.ping.Linger > 0) {
		until = time.Now() // done sets it
	}
	if p.ping.Deadline > 0 {
		until = earlier(until, p.tally.began.Add(p.ping.Deadline))
	}
	return until
}

// send sends the next request and returns when another one may follow.
func (p *Pinger) send(now time.Time) (next time.Time, err error) {
	seq := uint16(p.tally.Sent + 1)
	if p.tally.Sent > 0 && !p.requests[seq-1].answered && p.missed != p.tally.Sent {
		p.missed = p.tally.Sent
		if err := p.out.Unanswered(seq - 1); err != nil {
			return now, err
		}
	}
	copy(p.buf, p.ping.Payload)
	stampPayload(p.buf, now)
	err = p.sender.Send(Packet{Seq: seq, TTL: p.ping.TTL, Payload: p.buf})
	if !errors.Is(err, ErrBusy) {
		p.full = time.Time{}
	} else if !stuck(&p.full, now, stuckFor) {
		return now.Add(busyFor), nil
	}
	if int(seq) >= len(p.requests) {
		p.requests = append(p.requests, request{})
	}
	p.requests[seq] = request{sent: now}
	p.tally.Sent, p.tally.last = p.tally.Sent+1, now
	if err != nil {
		return now.Add(p.ping.Every), p.out.Unsent(seq, 0, err)
	}
	return now.Add(p.ping.Every), nil
}

func (p *Pinger) receive(ctx context.Context, until time.Time) error {
	answers, err := p.sender.Receive(until)
	now := time.Now()
	for i := range answers {
		if err != nil || p.enough() {
			break
		}
		err = p.take(ctx, &answers[i], now)
	}
	return err
}

// take counts and shows an answer.
func (p *Pinger) take(ctx context.Context, a *Answer, now time.Time) error {
	if int(a.Seq) >= len(p.requests) || p.requests[a.Seq].sent.IsZero() {
		return nil
	}
	r := &p.requests[a.Seq]
	if a.Kind != TooLong {
		p.tally.piped(uint16(p.tally.Sent) - a.Seq)
	}
	switch a.Kind {
	case Error:
		p.tally.Errors++
		return p.out.Error(ctx, *a)
	case TooLong:
		p.tally.Errors++
		return p.out.Unsent(a.Seq, a.Info, nil)
	}
	e := Echo{Answer: *a, RTT: a.since(r.sent, now), Again: r.answered, Wanted: p.ping.Payload}
	r.answered = true
	p.tally.heard(e.RTT, e.Again)
	return p.out.Echo(ctx, e)
}
