package tcp

import (
	"context"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/internal/table"
	"github.com/oneping/oneping/proto/packet"
)

// liveFlow is a flow that is open or being opened.
type liveFlow struct {
	place  *table.Place[netip.Addr, *liveFlow] // its own goroutine's
	cancel context.CancelFunc
	moved  table.LastUse
	why    atomic.Uint32 // a packet.Reason: it was cut; OK = it was not
}

// LastUsed returns when f was opened, or last moved bytes, in Unix nanoseconds.
func (f *liveFlow) LastUsed() int64 { return f.moved.UnixNano() }

func (f *liveFlow) touch() { f.moved.Touch() }

// cut ends f at once, with RST to both of its ends.
func (f *liveFlow) cut(why packet.Reason) {
	f.why.Store(uint32(why))
	f.cancel()
}

// ended returns why f was cut, else r.
func (f *liveFlow) ended(r packet.Reason) packet.Reason {
	if why := packet.Reason(f.why.Load()); why != packet.OK {
		return why
	}
	return r
}

// open gives a flow of client a place, and the context that ends with it; another may be cut to
// make room: one of the same client that waits for its origin where the client has its share of a
// full table. False: there is none.
func (d *Dialer) open(ctx context.Context, client netip.Addr) (context.Context, *liveFlow, bool) {
	ctx, cancel := context.WithCancel(ctx)
	f := &liveFlow{cancel: cancel}
	f.moved.Begin(time.Now())
	place, out, made, r := d.flows.AddTentative(client, f)
	if r != packet.OK {
		cancel()
		return nil, nil, false
	}
	if made {
		out.cut(packet.Superseded)
	}
	f.place = place
	return ctx, f, true
}

// close gives the place of f back.
func (d *Dialer) close(f *liveFlow) {
	f.cancel()
	d.flows.Remove(f.place)
}

// EndClient cuts the flows of a client whose device has ended.
func (d *Dialer) EndClient(client netip.Addr) {
	for _, f := range d.flows.Of(client) {
		f.cut(packet.Closed)
	}
}

// Flows returns how many flows are open or being opened now.
func (d *Dialer) Flows() int { return d.flows.Len() }

// noted is the origin's side of a flow that notes when bytes moved.
type noted struct {
	*endpoint
	f *liveFlow
}

func (n noted) Read(b []byte) (int, error) {
	c, err := n.endpoint.Read(b)
	n.f.touch()
	return c, err
}

func (n noted) Write(b []byte) (int, error) {
	c, err := n.endpoint.Write(b)
	n.f.touch()
	return c, err
}
