package echo

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

// longer is the room for a reply that is longer than its request.
const longer = 256

// Calls is the system's API. Its methods are safe for concurrent use.
type Calls struct {
	send4, send6, parse4, parse6 *windows.LazyProc
	closeHandle                  *windows.LazyProc
	register, unregister         *windows.LazyProc
	file4, file6                 uintptr // 0: no such family
	callback                     uintptr

	// guarded by mu
	mu      sync.Mutex
	next    uintptr
	waiting map[uintptr]flight // by the number that the callback gets
}

// flight is a request that the system works on. It keeps the memory that the system writes to
// reachable; Go's heap does not move.
type flight struct {
	r    *Request
	done func(*Request)
}

// handle is the API's part of a request.
type handle struct {
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

// Open loads the calls; Close frees what they hold.
func Open() (*Calls, error) {
	dll, kernel := windows.NewLazySystemDLL("iphlpapi.dll"), windows.NewLazySystemDLL("kernel32.dll")
	a := &Calls{
		send4: dll.NewProc("IcmpSendEcho2Ex"), parse4: dll.NewProc("IcmpParseReplies"),
		send6: dll.NewProc("Icmp6SendEcho2"), parse6: dll.NewProc("Icmp6ParseReplies"),
		closeHandle: dll.NewProc("IcmpCloseHandle"),
		register:    kernel.NewProc("RegisterWaitForSingleObject"), unregister: kernel.NewProc("UnregisterWaitEx"),
		waiting: make(map[uintptr]flight),
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

// Start sends r and returns at once; done(r) follows, on a thread of the system's, unless it failed: then
// the code of the error, an IP_STATUS or a Win32 error, is returned. 0 is success.
func (a *Calls) Start(r *Request, done func(*Request)) uint32 {
	if r.Dst.Is6() && a.file6 == 0 {
		return uint32(windows.ERROR_NOT_SUPPORTED)
	}
	event, err := windows.CreateEvent(nil, 1, 0, nil)
	if err != nil {
		return uint32(windows.ERROR_NOT_ENOUGH_MEMORY)
	}
	h := &handle{event: event, data: r.Data}
	h.options = ipOptionInformation{ttl: r.TTL, tos: r.TOS}
	if r.DF {
		h.options.flags = ipFlagDF
	}
	h.reply = make([]byte, replySize+len(h.data)+longer+extra)
	r.handle = h
	if status := a.await(h, flight{r: r, done: done}); status != 0 {
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
func (a *Calls) await(h *handle, f flight) uint32 {
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
func (a *Calls) send(r *Request, h *handle) uint32 {
	var data uintptr // nil for an empty payload: there is no element 0
	if len(h.data) > 0 {
		data = uintptr(unsafe.Pointer(&h.data[0]))
	}
	options, reply, timeout := uintptr(unsafe.Pointer(&h.options)), uintptr(unsafe.Pointer(&h.reply[0])), uintptr(r.Timeout.Milliseconds())
	var err error
	if r.Dst.Is6() {
		h.src.Family, h.dst.Family, h.dst.Addr = windows.AF_INET6, windows.AF_INET6, r.Dst.As16()
		if r.Source.IsValid() {
			h.src.Addr = r.Source.As16()
		}
		_, _, err = a.send6.Call(a.file6, uintptr(h.event), 0, 0, uintptr(unsafe.Pointer(&h.src)), uintptr(unsafe.Pointer(&h.dst)),
			data, uintptr(len(h.data)), options, reply, uintptr(len(h.reply)), timeout)
	} else {
		var src [4]byte // 0: the system chooses
		if r.Source.IsValid() {
			src = r.Source.As4()
		}
		dst := r.Dst.As4()
		_, _, err = a.send4.Call(a.file4, uintptr(h.event), 0, 0, uintptr(*(*uint32)(unsafe.Pointer(&src))), uintptr(*(*uint32)(unsafe.Pointer(&dst))),
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
func (a *Calls) signalled(number, _ uintptr) uintptr {
	a.mu.Lock()
	f, ok := a.waiting[number]
	delete(a.waiting, number)
	a.mu.Unlock()
	if ok {
		f.done(f.r)
	}
	return 0
}

// Finish returns what came of r, and has to be called once after done; false: nothing within the time-out.
func (a *Calls) Finish(r *Request) (Reply, bool) {
	h, ok := r.handle.(*handle)
	if !ok {
		return Reply{}, false
	}
	defer a.release(h)
	parse := a.parse4
	if r.Dst.Is6() {
		parse = a.parse6
	}
	n, _, err := parse.Call(uintptr(unsafe.Pointer(&h.reply[0])), uintptr(len(h.reply)))
	if n == 0 {
		status := errno(err)
		return Reply{Status: status}, status != StatusTimedOut
	}
	if r.Dst.Is6() {
		return parseReply6(h.reply, len(h.data))
	}
	return parseReply(h.reply, uint64(uintptr(unsafe.Pointer(&h.reply[0]))))
}

// release frees what a finished request holds.
func (a *Calls) release(h *handle) {
	_, _, _ = a.unregister.Call(uintptr(h.wait), 0)
	_ = windows.CloseHandle(h.event)
}

// forget ends the wait for a request that was never sent.
func (a *Calls) forget(h *handle) {
	a.mu.Lock()
	delete(a.waiting, h.number)
	a.mu.Unlock()
	_, _, _ = a.unregister.Call(uintptr(h.wait), invalidHandle) // waits for a callback under way
	_ = windows.CloseHandle(h.event)
}

// IPv6 says whether this system sends echo requests of IPv6.
func (a *Calls) IPv6() bool { return a.file6 != 0 }

// Close frees the calls. Nothing may be on its way.
func (a *Calls) Close() {
	for _, f := range []uintptr{a.file4, a.file6} {
		if f != 0 {
			_, _, _ = a.closeHandle.Call(f)
		}
	}
}
