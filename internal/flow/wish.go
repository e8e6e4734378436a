package flow

import (
	"sync/atomic"
	"time"

	"github.com/oneping/oneping/proto"
)

// Adjustable is an Endpoint whose segments can look as the application at the other end of the flow
// wishes: the connector's.
type Adjustable interface {
	// SetClass gives what is written from now on another traffic class.
	SetClass(class uint8)
	// KeepAlive asks the far end, after idle without a word from it and from then on, whether it is
	// still there, and gives the connection up where it is not. Nobody else asks.
	KeepAlive(idle time.Duration)
}

// wishes are what the application at this end wants of the segments at the other one.
type wishes struct {
	newest proto.FrameType // that the peer reads; not changed once the flow is open
	class  atomic.Uint32   // of what is written from now on, plus one; 0 = that of the SYN
	told   uint32          // guarded by Flow.writeMu: the class that the peer knows
	asking atomic.Bool     // an AskAlive is being written

	got uint64 // the value of the peer's last frame; of the receiving goroutine alone
}

// SetClass says that the application's segments have another traffic class from now on. It only
// notes that: the peer hears of it with the next byte, if it is one that follows.
func (f *Flow) SetClass(class uint8) { f.wish.class.Store(uint32(class) + 1) }

// tellClass writes the traffic class before data, where it is another one; the caller holds writeMu.
func (f *Flow) tellClass() error {
	class := f.wish.class.Load()
	if class == f.wish.told || f.wish.newest < proto.FrameClass {
		return nil
	}
	f.wish.told = class
	return f.put(proto.FrameClass, uint64(class-1))
}

// AliveSeconds returns an idle time as AskAlive says it: in whole seconds, at least one.
func AliveSeconds(idle time.Duration) uint16 {
	return uint16(min(max(idle/time.Second, 1), 1<<16-1))
}

// AskAlive says that the application has asked, after idle seconds without a word (AliveSeconds),
// whether its far end is there (SO_KEEPALIVE): the peer asks in its turn. It waits for the stream;
// where one waits already, and where the application's window probes look like that, it does nothing.
func (f *Flow) AskAlive(idle uint16) {
	if f.wish.newest < proto.FrameAlive || f.wish.asking.Swap(true) {
		return
	}
	defer f.wish.asking.Store(false)
	f.writeMu.Lock()
	defer f.unlockWrite()
	if f.wend || f.limit.Load() <= f.sent { // it has ended, or waits for credit: its window is closed
		return
	}
	_ = f.put(proto.FrameAlive, uint64(idle)) // of a stream that has ended: its reader says why
}

// adjust does what the peer's frame of this type wants of the connection.
func (p *pump) adjust(kind proto.FrameType) {
	c, ok := p.c.(Adjustable)
	switch {
	case !ok:
	case kind == proto.FrameClass:
		c.SetClass(uint8(p.f.wish.got))
	case kind == proto.FrameAlive:
		c.KeepAlive(time.Duration(p.f.wish.got) * time.Second)
	}
}
