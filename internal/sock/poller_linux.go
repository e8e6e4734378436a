package sock

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"

	"golang.org/x/sys/unix"
)

// Poller waits for many sockets in one goroutine. The runtime's own poller
// calls a descriptor on which only an error is pending "not pollable"; here it is
// an event like any other.
//
// Safe for concurrent use. Callbacks run in the goroutine of Run, one at a time.
type Poller struct {
	epoll, wake int

	// guarded by mu
	mu     sync.Mutex
	next   uint64
	ready  map[uint64]func(Events)
	closed bool
}

// Events says what a socket is ready for.
type Events struct{ Readable, Writable, Error bool }

// Ticket names one registration: descriptors are reused, tickets are not.
type Ticket uint64

// NewPoller makes the descriptors; Close frees them.
func NewPoller() (*Poller, error) {
	ep, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("create poller: %w", err)
	}
	wake, err := unix.Eventfd(0, unix.EFD_NONBLOCK|unix.EFD_CLOEXEC)
	if err != nil {
		_ = unix.Close(ep)
		return nil, fmt.Errorf("create poller: %w", err)
	}
	p := &Poller{epoll: ep, wake: wake, ready: make(map[uint64]func(Events))}
	if err := unix.EpollCtl(ep, unix.EPOLL_CTL_ADD, wake, event(0, unix.EPOLLIN)); err != nil {
		p.Close()
		return nil, fmt.Errorf("create poller: %w", err)
	}
	return p, nil
}

// event packs a ticket into epoll's user data.
func event(t uint64, events uint32) *unix.EpollEvent {
	return &unix.EpollEvent{Events: events, Fd: int32(uint32(t)), Pad: int32(uint32(t >> 32))}
}

// Add calls f whenever fd can be read or has an error.
func (p *Poller) Add(fd int, f func(Events)) (Ticket, error) { return p.add(fd, unix.EPOLLIN, f) }

// AddWrite calls f once, when fd can be written or has an error.
func (p *Poller) AddWrite(fd int, f func(Events)) (Ticket, error) {
	return p.add(fd, unix.EPOLLOUT|unix.EPOLLONESHOT, f)
}

func (p *Poller) add(fd int, events uint32, f func(Events)) (Ticket, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, unix.EBADF
	}
	p.next++ // 0 is the wake-up
	t := p.next
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, fd, event(t, events)); err != nil {
		return 0, err
	}
	p.ready[t] = f
	return Ticket(t), nil
}

// Remove ends the calls for a registration; one that runs already may still end after it.
// The caller closes fd afterwards.
func (p *Poller) Remove(fd int, t Ticket) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ready, uint64(t))
	if !p.closed {
		_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, fd, nil)
	}
}

// Run waits and calls until ctx ends; it never returns nil.
func (p *Poller) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, p.wakeUp)
	defer stop()
	events := make([]unix.EpollEvent, 128)
	for ctx.Err() == nil {
		n, err := unix.EpollWait(p.epoll, events, -1)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return fmt.Errorf("wait for sockets: %w", err)
		}
		for i := range n {
			p.call(&events[i])
		}
	}
	return context.Cause(ctx)
}

func (p *Poller) call(e *unix.EpollEvent) {
	t := uint64(uint32(e.Fd)) | uint64(uint32(e.Pad))<<32
	p.mu.Lock()
	f := p.ready[t]
	p.mu.Unlock()
	if f == nil {
		return // removed meanwhile, or the wake-up
	}
	f(Events{
		Readable: e.Events&unix.EPOLLIN != 0,
		Writable: e.Events&unix.EPOLLOUT != 0,
		Error:    e.Events&(unix.EPOLLERR|unix.EPOLLHUP) != 0,
	})
}

func (p *Poller) wakeUp() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	var one [8]byte
	binary.NativeEndian.PutUint64(one[:], 1)
	_, _ = unix.Write(p.wake, one[:])
}

// Close frees the poller's descriptors, after Run has returned.
func (p *Poller) Close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	p.closed = true
	_ = unix.Close(p.epoll)
	_ = unix.Close(p.wake)
}
