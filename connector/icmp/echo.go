package icmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"sync"
	"time"

	"github.com/oneping/oneping/internal/echo"
	"github.com/oneping/oneping/proto/packet"
)

// echoAPI is the operating system's echo call: it sends one request and says
// later, once, what came of it. Windows' own is in internal/echo.
type echoAPI interface {
	// start sends r and returns at once; done(r) follows, from any goroutine, unless start failed.
	// The error code is an IP_STATUS or a Win32 error, 0 for success.
	start(r *echoRequest, done func(*echoRequest)) uint32
	// finish returns what came of r, after done; ok false: nothing within the time-out.
	finish(r *echoRequest) (got echo.Reply, ok bool)
	close()
}

// echoRequest is one request on its way.
type echoRequest struct {
	Request
	handle any // of the API
}

const (
	// maxEchoes bounds the requests on their way: each holds an event and a buffer.
	maxEchoes = 2048
	// echoTimeout is how long the API waits. Each request waits for itself: a dead target delays no
	// live one.
	echoTimeout = 10 * time.Second
)

// echoes is the transport over an echo API. The system chooses what identifier
// goes out and matches replies itself; the identifiers here only name mappings.
type echoes struct {
	*idents
	api  echoAPI
	nat  *NAT
	done chan *echoRequest

	// guarded by mu
	mu     sync.Mutex
	flying int
	ended  bool
}

func newEchoes(api echoAPI) *echoes {
	return &echoes{idents: newIdents(), api: api, done: make(chan *echoRequest, maxEchoes)}
}

func (t *echoes) Name() string  { return "echo" }
func (t *echoes) Raw() bool     { return false }
func (t *echoes) Records() bool { return false }
func (t *echoes) Attach(n *NAT) { t.nat = n }

func (t *echoes) Open(v6 bool, want uint16) (uint16, error) { return t.acquire(v6, want) }

func (t *echoes) Send(r Request) packet.Verdict {
	if !t.take() {
		return packet.Verdict{Reason: packet.NoBuffers, Answer: packet.HostUnreachable}
	}
	e := &echoRequest{Request: r}
	e.ICMP = bytes.Clone(r.ICMP)
	e.DF = r.DF && !r.V6
	if status := t.api.start(e, t.finished); status != 0 {
		t.give()
		return statusVerdict(status)
	}
	return packet.Verdict{}
}

// take reserves the place of one request; false where there is none, or where the transport has
// ended.
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

// run hands on what comes until ctx ends, then waits for the requests on their way: their buffers
// belong to the system until then.
func (t *echoes) Run(ctx context.Context) error {
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
	if got.Status == echo.StatusSuccess {
		seq := binary.BigEndian.Uint16(r.ICMP[6:])
		t.nat.reply(&reply{out: r.Outer, from: got.From, seq: seq, ttl: got.TTL, tos: got.TOS, payload: got.Data})
		return
	}
	typ, code, ok := echo.TypeCode(got.Status, r.V6)
	if !ok || !got.From.IsValid() || got.From.IsUnspecified() {
		if v := statusVerdict(got.Status); v.Reason != packet.OK {
			t.nat.cfg.Back.Count(v.Reason)
		}
		return
	}
	e, ok := errorAbout(r.V6, r.ICMP)
	if !ok {
		return
	}
	e.Outer, e.dst, e.Error = r.Outer, r.Dst, packet.Error{Src: got.From, Type: typ, Code: code, TTL: got.TTL}
	t.nat.fail(&e)
}

// Alone: the system has matched the reply with the request already.
func (t *echoes) Alone(Outer) bool { return true }

func (t *echoes) Close() { t.api.close() }

// statusVerdict is what a status or Win32 error means for the sender of a request that never left.
func statusVerdict(status uint32) packet.Verdict {
	switch status {
	case echo.StatusSuccess, echo.StatusTimedOut:
		return packet.Verdict{} // nothing came, and nobody says so
	case echo.StatusNoResources, 8, 14, 1450: // ERROR_NOT_ENOUGH_MEMORY, ERROR_OUTOFMEMORY, ERROR_NO_SYSTEM_RESOURCES
		return packet.Verdict{Reason: packet.NoBuffers, Answer: packet.HostUnreachable}
	case echo.StatusBadDestination, 1231: // ERROR_NETWORK_UNREACHABLE
		return packet.Verdict{Reason: packet.NoRoute, Answer: packet.NetUnreachable}
	case 1232: // ERROR_HOST_UNREACHABLE
		return packet.Verdict{Reason: packet.Unreachable, Answer: packet.HostUnreachable}
	case 5: // ERROR_ACCESS_DENIED
		return packet.Verdict{Reason: packet.Forbidden, Answer: packet.AdminProhibited}
	}
	return packet.Verdict{Reason: packet.SendFailed}
}
