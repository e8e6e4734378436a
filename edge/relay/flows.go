package relay

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/internal/flow"
	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto"
	"github.com/oneping/oneping/proto/packet"
)

// liveFlow is a flow that has been let in.
type liveFlow struct {
	tuple
	place flowPlace                    // its own goroutine's
	a     Stream                       // the device's
	held  atomic.Pointer[flow.Holding] // nil until it is connected

	mu   sync.Mutex
	b    Stream        // guarded by mu: the connector's; nil before bind
	why  packet.Reason // guarded by mu: the edge has ended it; OK = it has not
	used time.Time     // guarded by mu: opened, or connected
}

// flowPlace is that of a flow in the table, as its user's and as its device's.
type flowPlace struct {
	user   *table.Place[string, *liveFlow]
	device *table.Place[*device, *liveFlow]
}

// bind tells f its second stream. False: it was ended in the meantime, and both have been reset.
func (f *liveFlow) bind(b Stream) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.b, f.used = b, time.Now()
	if f.why != packet.OK {
		f.reset()
	}
	return f.why == packet.OK
}

// cut ends f: policy or route no longer allow it (packet.Denied), or it makes room for another
// (packet.Superseded).
func (f *liveFlow) cut(why packet.Reason) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.why = why
	f.reset()
}

// ended returns why the edge has ended f, else r.
func (f *liveFlow) ended(r packet.Reason) packet.Reason {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why != packet.OK {
		return f.why
	}
	return r
}

// reset resets what streams there are; mu is held.
func (f *liveFlow) reset() {
	code := proto.CodeDenied
	if f.why == packet.Superseded {
		code = proto.CodeTooMany
	}
	for _, s := range []Stream{f.a, f.b} {
		if s != nil {
			s.Reset(code)
		}
	}
}

// LastUsed returns when f moved bytes last, or was opened, in Unix nanoseconds.
func (f *liveFlow) LastUsed() int64 {
	if h := f.held.Load(); h != nil {
		return h.LastMoved()
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.used.UnixNano()
}

// flows is the set of live flows. One that waits for its answer makes room for another of the same
// device and user: a scan of what does not answer keeps nobody from what does.
type flows struct {
	users   *table.Places[string, *liveFlow] // by holder
	devices *table.Places[*device, *liveFlow]
}

func newFlows(limit, perDevice int) *flows {
	return &flows{users: table.NewPlaces[string, *liveFlow](limit, 0), devices: table.NewPlaces[*device, *liveFlow](0, perDevice)}
}

func (t *flows) len() int { return t.users.Len() }

// open adds a flow that the device opened on s; another may have been cut to make room. False: a
// bound is reached.
func (t *flows) open(tu *tuple, s Stream) (*liveFlow, bool) {
	f := &liveFlow{tuple: *tu, a: s, used: time.Now()}
	own, out, made, reason := t.devices.AddTentative(tu.dev, f)
	if reason != packet.OK {
		return nil, false
	}
	if made {
		out.cut(packet.Superseded)
	}
	user, out, made, reason := t.users.AddTentative(tu.holder, f)
	if reason != packet.OK {
		t.devices.Remove(own)
		return nil, false
	}
	if made {
		out.cut(packet.Superseded)
	}
	f.place = flowPlace{user: user, device: own}
	return f, true
}

// answered keeps f, which is connected, from making room as one that waits.
func (t *flows) answered(f *liveFlow) {
	t.users.Confirm(f.place.user)
	t.devices.Confirm(f.place.device)
}

// end removes f.
func (t *flows) end(f *liveFlow) {
	t.users.Remove(f.place.user)
	t.devices.Remove(f.place.device)
}

// all returns the live flows.
func (t *flows) all() []*liveFlow { return t.users.All() }
