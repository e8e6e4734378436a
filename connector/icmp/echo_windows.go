package icmp

import (
	"errors"
	"fmt"
	"sync"
	"unsafe"

	"golang.org/x/sys/windows"
)

// Windows sends echo requests for any user by a call of iphlpapi.dll; raw sockets are for
// administrators. The system chooses identifier and sequence and matches the answer itself. TTL,
// class and DF travel as options with each request; the TTL of an IPv4 reply comes back, that of an
// IPv6 reply and of an error does not. Without an event the call blocks for its whole time-out;
// with one it returns at once with ERROR_IO_PENDING and sets the event when a reply, an error or
// the time-out has come. A thread of the system's pool waits for the events, so one dead target
// holds up nothing. Calls and their documented errors:
//
//	IcmpCreateFile, Icmp6CreateFile     ERROR_CALL_NOT_IMPLEMENTED (no IPv6 stack)
//	IcmpSendEcho2Ex, Icmp6SendEcho2     ERROR_IO_PENDING; ERROR_INVALID_PARAMETER,
//	                                    ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_SUPPORTED,
//	                                    ERROR_ACCESS_DENIED, ERROR_NETWORK_UNREACHABLE,
//	                                    IP_BUF_TOO_SMALL (11001)
//	IcmpParseReplies, Icmp6ParseReplies 0 with IP_REQ_TIMED_OUT (11010), IP_GENERAL_FAILURE
//	                                    (11050), ERROR_INVALID_PARAMETER
//	RegisterWaitForSingleObject         ERROR_NOT_ENOUGH_MEMORY
//
// A status other than success is a reply too: 11013 names the router whose TTL
// expired. Under Wine IPv4 works like this (TTL, errors, event), DF and
// IPv6 do not exist there.

// echoLonger is the room for a reply that is longer than its request.
const echoLonger = 256

// winEcho is the system's API.
type winEcho struct {
	send4, send6, parse4, parse6 *windows.LazyProc
	closeHandle                  *windows.LazyProc
	register, unregister         *windows.LazyProc
	file4, file6                 uintptr // 0: no such family
	callback                     uintptr

	// guarded by mu
	mu      sync.Mutex
	next    uintptr
	waiting map[uintptr]winFlight // by the number that the callback gets
}

// winFlight is a request that the system works on. It keeps the memory that the system writes to
// reachable; Go's heap does not move.
type winFlight struct {
	r    *echoRequest
	done func(*echoRequest)
}

// winHandle is the API's part of a request.
type winHandle struct {
	event, wait windows.Handle
	number      uintptr
	reply       []byte
	data        []byte
	options     ipOptionInformation
	src, dst    windows.RawSockaddrInet6
}

// ipOptionInformation is IP_OPTION_INFORMATION on 64-bit systems.
type ipOptionInformation struct {
	ttl, tos, flags, optionsSize uint8
	optionsData                  uintptr
}

const (
	ipFlagDF      = 2
	executeOnce   = 8 // WT_EXECUTEONLYONCE
	waitForever   = 0xffffffff
	invalidHandle = ^uintptr(0)
)

// NewTransport returns the echo API. There is no choice on Windows.
func NewTransport(mode Mode) (Transport, error) {
	if mode == Raw {
		return nil, newOff(errors.New("raw sockets are not used on Windows"), "leave --icmp out")
	}
	api, err := newWinEcho()
	if err != nil {
		return nil, newOff(err, "")
	}
	return newEchoes(api), nil
}

// TryPing says whether this system sends echo requests of one family.
func TryPing(v6 bool) error {
	api, err := newWinEcho()
	if err != nil {
		return err
	}
	defer api.close()
	if v6 && api.file6 == 0 {
		return errors.New("this system has no IPv6 echo")
	}
	return nil
}

// GroupRangeCommand is empty: Windows restricts echo requests to no group.
func GroupRangeCommand() string { return "" }

func newWinEcho() (*winEcho, error) {
	dll, kernel := windows.NewLazySystemDLL("iphlpapi.dll"), windows.NewLazySystemDLL("kernel32.dll")
	a := &winEcho{
		send4: dll.NewProc("IcmpSendEcho2Ex"), parse4: dll.NewProc("IcmpParseReplies"),
		send6: dll.NewProc("Icmp6SendEcho2"), parse6: dll.NewProc("Icmp6ParseReplies"),
		closeHandle: dll.NewProc("IcmpCloseHandle"),
		register:    kernel.NewProc("RegisterWaitForSingleObject"), unregister: kernel.NewProc("UnregisterWaitEx"),
		waiting: make(map[uintptr]winFlight),
	}
	for _, p := range []*windows.LazyProc{a.send4, a.parse4, a.closeHandle, a.register, a.unregister} {
		if err := p.Find(); err != nil { // Call would panic
			return nil, fmt.Errorf("load icmp calls: %w", err)
		}
	}
	var err error
	if a.file4, err = create(dll.NewProc("IcmpCreateFile")); err != nil {
		return nil, fmt.Errorf("open icmp: %w", err)
	}
	if a.send6.Find() == nil && a.parse6.Find() == nil {
		a.file6, _ = create(dll.NewProc("Icmp6CreateFile")) // without it there is no IPv6
	}
	a.callback = windows.NewCallback(a.signalled)
	return a, nil
}

func create(p *windows.LazyProc) (uintptr, error) {
	if err := p.Find(); err != nil {
		return 0, err
	}
	h, _, err := p.Call()
	if h == 0 || h == invalidHandle {
		return 0, err
	}
	return h, nil
}

func (a *winEcho) start(r *echoRequest, done func(*echoRequest)) uint32 {
	if r.V6 && a.file6 == 0 {
		return uint32(windows.ERROR_NOT_SUPPORTED)
	}
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return uint32(windows.ERROR_NOT_ENOUGH_MEMORY)
	}
	h := &winHandle{event: event, data: r.ICMP[8:]}
	h.options = ipOptionInformation{ttl: r.TTL, tos: r.TOS}
	if r.DF {
		h.options.flags = ipFlagDF
	}
	h.reply = make([]byte, echoReplySize+len(h.data)+echoLonger+echoExtra)
	r.handle = h
	if status := a.await(h, winFlight{r: r, done: done}); status != 0 {
		_ = windows.CloseHandle(event)
		return status
	}
	if status := a.send(r, h); status != 0 {
		a.forget(h)
		return status
	}
	return 0
}

// await has the system call signalled when the event is set.
func (a *winEcho) await(h *winHandle, f winFlight) uint32 {
	a.mu.Lock()
	a.next++
	h.number = a.next
	a.waiting[h.number] = f
	a.mu.Unlock()
	ok, _, err := a.register.Call(uintptr(unsafe.Pointer(&h.wait)), uintptr(h.event), a.callback, h.number, waitForever, executeOnce)
	if ok != 0 {
		return 0
	}
	a.mu.Lock()
	delete(a.waiting, h.number)
	a.mu.Unlock()
	return errno(err)
}

// send makes the call; 0 where it is under way.
func (a *winEcho) send(r *echoRequest, h *winHandle) uint32 {
	var data uintptr // nil for an empty payload: there is no element 0
	if len(h.data) > 0 {
		data = uintptr(unsafe.Pointer(&h.data[0]))
	}
	options, reply, timeout := uintptr(unsafe.Pointer(&h.options)), uintptr(unsafe.Pointer(&h.reply[0])), uintptr(echoTimeout.Milliseconds())
	var err error
	if r.V6 {
		h.src.Family, h.dst.Family, h.dst.Addr = windows.AF_INET6, windows.AF_INET6, r.Dst.As16()
		_, _, err = a.send6.Call(a.file6, uintptr(h.event), 0, 0, uintptr(unsafe.Pointer(&h.src)), uintptr(unsafe.Pointer(&h.dst)),
			data, uintptr(len(h.data)), options, reply, uintptr(len(h.reply)), timeout)
	} else {
		dst := r.Dst.As4()
		_, _, err = a.send4.Call(a.file4, uintptr(h.event), 0, 0, 0, uintptr(*(*uint32)(unsafe.Pointer(&dst))),
			data, uintptr(len(h.data)), options, reply, uintptr(len(h.reply)), timeout)
	}
	if status := errno(err); status != uint32(windows.ERROR_IO_PENDING) {
		return status
	}
	return 0
}

func errno(err error) uint32 {
	var e windows.Errno
	if errors.As(err, &e) {
		return uint32(e)
	}
	return uint32(windows.ERROR_GEN_FAILURE)
}

// signalled runs on a thread of the system's pool when an event is set.
func (a *winEcho) signalled(number, _ uintptr) uintptr {
	a.mu.Lock()
	f, ok := a.waiting[number]
	delete(a.waiting, number)
	a.mu.Unlock()
	if ok {
		f.done(f.r)
	}
	return 0
}

func (a *winEcho) finish(r *echoRequest) (echoReplied, bool) {
	h, ok := r.handle.(*winHandle)
	if !ok {
		return echoReplied{}, false
	}
	defer a.release(h)
	parse := a.parse4
	if r.V6 {
		parse = a.parse6
	}
	n, _, err := parse.Call(uintptr(unsafe.Pointer(&h.reply[0])), uintptr(len(h.reply)))
	if n == 0 {
		status := errno(err)
		return echoReplied{status: status}, status != statusTimedOut
	}
	if r.V6 {
		return parseEchoReply6(h.reply, len(h.data))
	}
	return parseEchoReply(h.reply, uint64(uintptr(unsafe.Pointer(&h.reply[0]))))
}

// release frees what a finished request holds.
func (a *winEcho) release(h *winHandle) {
	_, _, _ = a.unregister.Call(uintptr(h.wait), 0)
	_ = windows.CloseHandle(h.event)
}

// forget ends the wait for a request that was never sent.
func (a *winEcho) forget(h *winHandle) {
	a.mu.Lock()
	delete(a.waiting, h.number)
	a.mu.Unlock()
	_, _, _ = a.unregister.Call(uintptr(h.wait), invalidHandle) // waits for a callback under way
	_ = windows.CloseHandle(h.event)
}

func (a *winEcho) close() {
	for _, f := range []uintptr{a.file4, a.file6} {
		if f != 0 {
			_, _, _ = a.closeHandle.Call(f)
		}
	}
}
