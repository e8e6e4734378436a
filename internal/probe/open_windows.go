package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/sys/windows"

	"github.com/oneping/oneping/internal/advice"
	"github.com/oneping/oneping/internal/echo"
)

// Windows sends echo requests for any user (internal/echo); what routers say about UDP and TCP it shows
// to administrators alone. The system chooses identifier and sequence, so a request is known by its
// call. Class and don't-fragment go along, a device cannot be chosen, and a time-out is ours: the
// system's own, which a call must have, is longer.

// echoTimeout is how long the system waits for a reply, at most: longer than anybody here.
const echoTimeout = 10 * time.Minute

// maxCalls bounds the requests on their way: each holds an event and a buffer.
const maxCalls = 1024

// DefaultMethod is by which the way is asked for where nobody says how: as tracert does.
func DefaultMethod() Method { return ICMP }

// Open returns a sender of ICMP.
func Open(c Config) (Sender, error) {
	switch {
	case c.Method != ICMP:
		return nil, advice.With(fmt.Errorf("trace by %s: %w", c.Method, errors.ErrUnsupported), "Windows shows what routers say about ICMP alone: oneping trace -I")
	case c.Device != "":
		return nil, advice.With(fmt.Errorf("bind to device %s: %w", c.Device, errors.ErrUnsupported), "name an address of the device instead")
	}
	calls, err := echo.Open()
	if err != nil {
		return nil, err
	}
	s := &caller{Config: c, inbox: newInbox(), calls: calls}
	if c.Dst.Is6() && !calls.IPv6() {
		err = errors.New("this system has no IPv6 echo")
	} else {
		err = s.learnSource()
	}
	if err != nil {
		calls.Close()
		return nil, err
	}
	return s, nil
}

// caller sends echo requests by calls of the system.
type caller struct {
	Config
	*inbox
	calls  *echo.Calls
	source netip.Addr

	mu sync.Mutex
	// guarded by mu:
	flying int
	ended  bool
}

// learnSource asks the routes where packets leave from.
func (s *caller) learnSource() error {
	conn, err := net.Dial("udp", netip.AddrPortFrom(s.Dst, 9).String()) // sends nothing
	if err != nil {
		return err
	}
	defer conn.Close()
	s.source = s.Config.Source
	if at, ok := conn.LocalAddr().(*net.UDPAddr); ok && !s.source.IsValid() {
		s.source = at.AddrPort().Addr().Unmap()
	}
	return nil
}

// Source returns the address that packets leave from.
func (s *caller) Source() netip.Addr { return s.source }

// Send sends an echo request.
func (s *caller) Send(p Packet) error {
	if !s.begin() {
		return ErrBusy
	}
	r := &echo.Request{
		Dst: s.Dst, Source: s.Config.Source, TTL: p.TTL, TOS: s.Class, DF: s.DF == Do || s.DF == Probe,
		Data: append([]byte(nil), p.Payload...), Timeout: echoTimeout,
	}
	if r.TTL == 0 {
		r.TTL = defaultTTL
	}
	status := s.calls.Start(r, func(r *echo.Request) { s.finish(p.Seq, r) })
	if status == 0 {
		return nil
	}
	s.done()
	return startError(status)
}

// defaultTTL is that of Windows.
const defaultTTL = 128

// startError is the error of a request that did not leave.
func startError(status uint32) error {
	switch e := windows.Errno(status); e {
	case windows.ERROR_NOT_ENOUGH_MEMORY, windows.ERROR_NO_SYSTEM_RESOURCES, windows.Errno(echo.StatusNoResources):
		return ErrBusy
	default:
		return fmt.Errorf("send: %w", e)
	}
}

// begin reserves the place of a request; false where there is none.
func (s *caller) begin() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.flying >= maxCalls {
		return false
	}
	s.flying++
	return true
}

// done gives the place of a request back. The last one frees the calls where the sender has ended.
func (s *caller) done() {
	s.mu.Lock()
	s.flying--
	last := s.ended && s.flying == 0
	s.mu.Unlock()
	if last {
		s.calls.Close()
	}
}

// finish takes what came of a request.
func (s *caller) finish(seq uint16, r *echo.Request) {
	defer s.done()
	got, ok := s.calls.Finish(r)
	if !ok {
		return
	}
	if a, ok := answerOf(seq, got, s.Dst.Is6()); ok {
		s.hear(a)
	}
}

// Forget has nothing to free: the system ends its wait by itself.
func (s *caller) Forget(uint16) {}

// Close ends the sender. Requests that are still on their way keep the calls until the system has
// finished them, or the process ends.
func (s *caller) Close() error {
	s.mu.Lock()
	idle := !s.ended && s.flying == 0
	s.ended = true
	s.mu.Unlock()
	if idle {
		s.calls.Close()
	}
	return nil
}
