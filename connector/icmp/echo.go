package icmp

import (
	"context"
	"sync"
	"time"

	"github.com/oneping/oneping/proto/packet"
)

// echoAPI is the operating system's echo call: it sends one request and says
// later, once, what came of it. Windows' own is in echo_windows.go.
type echoAPI interface {
	// start sends r and returns at once; done(r) follows, from any goroutine, unless start failed. The error code is
	// an IP_STATUS or a Win32 error, 0 for success.
	start(r *echoRequest, done func(*echoRequest)) uint32
	// finish returns what came of r, after done; ok false: nothing within the time-out.
	finish(r *echoRequest) (got echoReplied, ok bool)
	close()
}

// echoRequest is one request on its way.
type echoRequest struct {
	out      outer
	packet   []byte // the client's ICMP message, header included
	p        packet.Packet
	ttl, tos uint8
	df       bool
	handle   any // of the API
}

const (
	// maxEchoes bounds the requests on their way: each holds an event and a buffer.
	maxEchoes = 2048
	// echoTimeout is how long the API waits. Each request waits for itself: a dead target delays no live one.
	echoTimeout = 10 * time.Second
)

// echoes is the transport over an echo API. The system chooses what identifier
// goes out and matches replies itself; the identifiers here only name mappings.
type echoes struct {
	*idents
	api  echoAPI
	nat  *NAT
	done chan *echoRequest

	mu     sync.Mutex
	flying int  // guarded by mu
	ended  bool // guarded by mu
}

func newEchoes(api echoAPI) *echoes {
	return &echoes{idents: newIdents(), api: api, done: make(chan *echoRequest, maxEchoes)}
}

func (t *echoes) name() string  { return "echo" }
func (t *echoes) attach(n *NAT) { t.nat = n }

func (t *echoes) open(v6 bool, want uint16) (uint16, error) { return t.acquire(v6, want) }

func (t *echoes) send(out outer, p *packet.Packet, ttl uint8) packet.Verdict {
	if !t.take() {
		return packet.Verdict{Reason: packet.NoBuffers, Answer: packet.HostUnreachable}
	}
	r := &echoRequest{out: out, packet: append([]byte(nil), p.Transport()...), ttl: ttl, tos: p.TOS, df: p.DF && !p.V6}
	r.p = packet.Packet{Src: p.Src, Dst: p.Dst, V6: p.V6, Seq: p.Seq}
	if status := t.api.start(r, t.finished); status != 0 {
		t.give()
		return statusVerdict(status)
	}
	return packet.Verdict{}
}

// take reserves the place of one request; false where there is none, or where the transport has ended.
func (t *echoes) take() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ended || t.flying >= maxEchoes {
		return false
	}
	t.flying++
	return true
}

func (t *echoes) give() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flying--
}

// finished is called by the API; done has room for every request on its way.
func (t *echoes) finished(r *echoRequest) { t.done <- r }

// run hands on what comes until ctx ends, then waits for the requests on their way: their buffers belong to the system until then.
func (t *echoes) run(ctx context.Context) error {
	for {
		select {
		case r := <-t.done:
			t.handle(r)
		case <-ctx.Done():
			t.drain()
			return context.Cause(ctx)
		}
	}
}

func (t *echoes) drain() {
	t.mu.Lock()
	t.ended = true
	left := t.flying
	t.mu.Unlock()
	for range left {
		t.api.finish(<-t.done)
	}
}

// handle turns the end of one request into a reply or an error.
func (t *echoes) handle(r *echoRequest) {
	got, ok := t.api.finish(r)
	t.give()
	if !ok {
		return // nothing came
	}
	if got.status == statusSuccess {
		t.nat.reply(&arrived{out: r.out, from: got.from, seq: r.p.Seq, ttl: got.ttl, tos: got.tos, payload: got.data})
		return
	}
	typ, code, ok := statusTypeCode(got.status, r.p.V6)
	if !ok || !got.from.IsValid() || got.from.IsUnspecified() {
		if v := statusVerdict(got.status); v.Reason != packet.OK {
			t.nat.cfg.Count(v.Reason)
		}
		return
	}
	report, ok := newReport(r.p.V6, r.packet)
	if !ok {
		return
	}
	report.ident, report.dst, report.from, report.typ, report.code, report.ttl = r.out.ident, r.p.Dst, got.from, typ, code, got.ttl
	t.nat.fail(&report)
}

func (t *echoes) close() { t.api.close() }
